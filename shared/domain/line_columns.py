"""The columns of lines of players, and what values of JSON they take."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from shared.domain.instant import SECOND, Instant, to_instant

TEXT_LENGTH_MAX = 256
"""Longest text in a column in characters: as many in each column of a key fit into an index."""
FREE_TEXT_LENGTH_MAX = 4_000
"""Longest text in a column that no index has, in characters."""
_FREE = frozenset({"reason", "refusal", "last_error", "lease_owner"})
_PLAIN: Mapping[str, type] = {"text": str, "bigint": int}
_UNKNOWN = object()
_NO_TIME = "is no time in ISO 8601 with its zone"
_YEAR_10000: Instant = 253_402_300_800 * SECOND
_UUID = re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_BYTES = re.compile(r"\\x([0-9a-f]{2})*", re.IGNORECASE)
_RANGES = re.compile(r"\{([\[(]-?\d{1,10},-?\d{1,10}[\])](,[\[(]-?\d{1,10},-?\d{1,10}[\])])*)?\}")


class LineColumn(NamedTuple):
    """A column of a table of players."""

    kind: str
    """The type, as Postgres names it."""
    nullable: bool
    preset: str | None
    """The value of a line that lacks it, as text; None if there is none."""
    free: bool
    """True for free text, which no index has."""

    def problem(self, value: object) -> str | None:
        """Return what is wrong with a value of JSON, or None."""
        if value is None:
            return None if self.nullable else "is null"
        if self.free:
            return _text_problem(value, FREE_TEXT_LENGTH_MAX)
        if self.kind.endswith("[]"):
            if not isinstance(value, list):
                return "is no array"
            check = _CHECKS.get(self.kind[:-2], _other_problem)
            return next((f"has an item that {problem}" for item in value if (problem := check(item))), None)
        return _CHECKS.get(self.kind, _other_problem)(value)


def line_column(name: str, kind: str, *, nullable: bool, preset: str | None) -> LineColumn:
    """Return a column."""
    return LineColumn(kind, nullable, preset, kind == "text" and name in _FREE)


class LineTable:
    """A table of players, as lines see it."""

    def __init__(self, columns: Mapping[str, LineColumn]) -> None:
        """`columns` are in the order of the table."""
        self.columns = columns
        self._required = frozenset(
            name for name, column in columns.items() if column.preset is None and not column.nullable
        )
        self._plain = {name: _PLAIN.get(column.kind) for name, column in columns.items()}

    def problem(self, row: Mapping[str, Any]) -> str | None:
        """Return what is wrong with a row, beginning with the name of the column, or None."""
        plain = self._plain
        for name, value in row.items():
            # Nearly all values are of these two kinds. The columns find the same, by more calls.
            kind = type(value)
            if kind is plain.get(name, _UNKNOWN):
                if kind is int:
                    if -(2**62) < value < 2**62:
                        continue
                elif len(value) <= TEXT_LENGTH_MAX and value.isprintable():
                    continue
            column = self.columns.get(name)
            if column is None:
                return f"has no column {name[:TEXT_LENGTH_MAX]!a}"
            problem = column.problem(value)
            if problem is not None:
                return f"{name}: {problem}"
        missing = self._required - row.keys()
        return f"{min(missing)}: is missing" if missing else None


def _text_problem(value: object, length_max: int = TEXT_LENGTH_MAX) -> str | None:
    if not isinstance(value, str):
        return "is no text"
    if len(value) > length_max:
        return f"is longer than {length_max:,} characters"
    if "\0" in value:
        return "contains a null character"
    try:
        value.encode()
    except UnicodeEncodeError:
        return "contains half a character"
    return None


def _whole_problem(value: object, bits: int) -> str | None:
    if type(value) is not int:
        return "is no whole number"
    return None if -(2 ** (bits - 1)) <= value < 2 ** (bits - 1) else f"does not fit into {bits} bits"


def _boolean_problem(value: object) -> str | None:
    return None if isinstance(value, bool) else "is neither true nor false"


def _time_problem(value: object) -> str | None:
    if not isinstance(value, str) or not value.isascii():
        return _NO_TIME
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return _NO_TIME
    if moment.tzinfo is None:
        return _NO_TIME
    # The year 1, which some languages write for no time, would be an instant like any other, and lists cannot show it.
    return None if 0 <= to_instant(moment) < _YEAR_10000 else "is not in the years 1970 to 9999"


def _matches(pattern: re.Pattern[str], what: str) -> Callable[[object], str | None]:
    def problem(value: object) -> str | None:
        return None if isinstance(value, str) and pattern.fullmatch(value) else what

    return problem


def _other_problem(value: object) -> str | None:
    return "is neither text nor a number" if isinstance(value, list | dict) else None


_CHECKS: Mapping[str, Callable[[object], str | None]] = {
    "text": _text_problem,
    "bigint": lambda value: _whole_problem(value, 64),
    "integer": lambda value: _whole_problem(value, 32),
    "boolean": _boolean_problem,
    "timestamp with time zone": _time_problem,
    "uuid": _matches(_UUID, "is no UUID"),
    "bytea": _matches(_BYTES, r"is not \x and hexadecimal digits"),
    "int4multirange": _matches(_RANGES, "is no set of days such as {[19723,19730)}"),
}
