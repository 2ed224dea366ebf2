"""The SQL of the system: named statements from `.sql` files, each next to the module that executes them.

A file holds statements, each under a line `-- name: its_name` and a comment that states its purpose and names its
parameters. Parameters are Postgres' own (`$1`), so a statement can be pasted into psql behind PREPARE.

A statement over UNNEST takes one array per column. psycopg dumps a list item by item at 1.2 µs each. One join over the
whole column takes 0.01 to 0.17 µs per item: 2 ms instead of 18 for a batch of 1,000 events.

Statements of the paths of players unnest each array in a select list, whose rows pass one by one. `FROM unnest($1, $2)`
stores each column on its own before it joins them: a merge of one tally took 140 µs instead of 86, and one of 1,000 a
tenth more.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from shared.postgres.connection import Connection
from shared.postgres.execution import Execution, Values

_FOLDER = Path(__file__).parent
_NAME = re.compile(r"^-- name: (\w+)$", re.MULTILINE)


class Statement:
    """A named statement, prepared on each connection at its first use there."""

    __slots__ = ("_key", "name", "text")

    def __init__(self, name: str, text: str) -> None:
        self.name = name
        self.text = text.encode()
        self._key = name.encode()

    def rows(self, connection: Connection, *parameters: object) -> list[tuple[Any, ...]]:
        """Execute, and return all rows; none for a statement that returns no rows."""
        started = time.monotonic()
        rows = connection.run_prepared(self._key, self.text, parameters)
        connection.took(self.name, time.monotonic() - started)
        return rows

    def row_unless(
        self, connection: Connection, is_known: Callable[[Values], bool], *parameters: object
    ) -> tuple[Any, ...] | None:
        """Execute a statement that always returns one row, and return it; None, undecoded, if its values are known."""
        started = time.monotonic()
        execution = connection.execute_prepared(Execution(self._key, parameters, is_known), self.text)
        connection.took(self.name, time.monotonic() - started)
        return execution.rows[0] if execution.rows else None

    def defer(self, connection: Connection, *parameters: object) -> Execution:
        """Execute in the round trip of the transaction's next statement or of its COMMIT.

        Return the execution, which has all rows after that. An error is raised there, too.
        """
        return connection.defer_prepared(self._key, self.text, parameters)

    def precede(self, connection: Connection, *parameters: object) -> Execution:
        """Execute in the round trip of the next statement, which the caller executes at once."""
        return connection.defer_prepared(self._key, self.text, parameters, next_is_certain=True)

    def row(self, connection: Connection, *parameters: object) -> tuple[Any, ...] | None:
        """Execute, and return the first row, or None if there is none."""
        rows = self.rows(connection, *parameters)
        return rows[0] if rows else None

    def only_row(self, connection: Connection, *parameters: object) -> tuple[Any, ...]:
        """Execute a statement that always returns one row, and return it."""
        (row,) = self.rows(connection, *parameters)
        return row

    def value(self, connection: Connection, *parameters: object) -> Any:
        """Execute a statement that always returns one row, and return its first column."""
        return self.only_row(connection, *parameters)[0]


def _read(path: Path) -> Iterator[Statement]:
    pieces = _NAME.split(path.read_text(encoding="utf-8"))
    for name, body in zip(pieces[1::2], pieces[2::2], strict=True):
        yield Statement(name, body.strip().rstrip(";"))


@cache
def statements() -> dict[str, Statement]:
    """Return all statements by name."""
    found: dict[str, Statement] = {}
    for path in sorted(_FOLDER.rglob("*.sql")):
        for statement in _read(path):
            if statement.name in found:
                raise ValueError(f"{path.name}: there are two statements named {statement.name}")
            found[statement.name] = statement
    return found


def statement(name: str) -> Statement:
    """Return the statement of that name. Raise KeyError, at import, if there is none."""
    return statements()[name]


def text_array(texts: Sequence[str]) -> str:
    """Return the literal of a `text[]` or multirange array."""
    if not texts:
        return "{}"
    joined = '","'.join(texts)
    if "\\" in joined or joined.count('"') != 2 * (len(texts) - 1):
        joined = '","'.join([text.replace("\\", "\\\\").replace('"', '\\"') for text in texts])
    return f'{{"{joined}"}}'


def bytes_array(items: Iterable[bytes]) -> str:
    """Return the literal of a `bytea[]`."""
    return "{" + ",".join(['"\\\\x' + item.hex() + '"' for item in items]) + "}"


def int_array(numbers: Iterable[int]) -> str:
    """Return the literal of an `integer[]` or `bigint[]`."""
    return "{" + ",".join(map(str, numbers)) + "}"


def nullable_int_array(numbers: Iterable[int | None]) -> str:
    """Return the literal of an `integer[]` or `bigint[]` with nulls."""
    return "{" + ",".join(["NULL" if number is None else str(number) for number in numbers]) + "}"


def nullable_text_array(texts: Sequence[str | None]) -> str:
    """Return the literal of a `text[]` with nulls."""
    if None not in texts:
        return text_array([text for text in texts if text is not None])
    return "{" + ",".join(["NULL" if text is None else text_array([text])[1:-1] for text in texts]) + "}"


def filled(columns: Iterable[Sequence[Any] | None]) -> list[Sequence[Any]]:
    """Return aggregated columns as sequences: all of them are null if there was no row."""
    return [column or () for column in columns]
