"""Executions of prepared statements: parameters in, rows out."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

from shared.postgres.results import encoded

Values: TypeAlias = tuple[bytes | None, ...]
"""The values of a row as the server sent them, undecoded. The same values decode to the same row."""


class Execution:
    """An execution of a prepared statement."""

    __slots__ = ("affected", "is_known", "name", "parameters", "rows")

    def __init__(
        self, name: bytes, parameters: Iterable[object], is_known: Callable[[Values], bool] | None = None
    ) -> None:
        """Parameters are text, integers, booleans, bytes, UUIDs or None; Postgres infers their types.

        With `is_known` the statement returns one row, which is not decoded if the row's values are known.
        """
        self.name = name
        self.is_known = is_known
        self.parameters = [encoded(value) for value in parameters]
        self.rows: list[tuple[Any, ...]] = []
        """All rows, once the statement is executed; none if the values are known."""
        self.affected: int | None = None
        """The number of rows that the statement has returned or changed, once it is executed."""
