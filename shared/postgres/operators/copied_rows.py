"""Rows as text for COPY.

https://www.postgresql.org/docs/current/sql-copy.html
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from operator import itemgetter
from typing import Any, cast

from shared.domain.line_columns import LineColumn
from shared.postgres.statements import text_array

_NULL = "\\N"
_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


class RowEncoder:
    """Encodes rows of a table. Columns that a row lacks get their presets."""

    def __init__(self, columns: Mapping[str, LineColumn]) -> None:
        """`columns` are all columns in the order of the table."""
        self._columns = columns
        self._forms: dict[tuple[str, ...], tuple[str, itemgetter[Any]]] = {}

    def line(self, row: Mapping[str, Any]) -> str:
        """Return a row, whose values fit their columns, as a line."""
        keys = tuple(row)
        form = self._forms.get(keys)
        if form is None:
            form = self._forms[keys] = self._form(row)
        template, values = form
        return template % tuple([value if type(value) is int else _field(value) for value in values(row)])

    def _form(self, row: Mapping[str, Any]) -> tuple[str, itemgetter[Any]]:
        """Return the line with a place for each column that the row has, and what takes these from the row."""
        fields = ["%s" if name in row else _preset(column) for name, column in self._columns.items()]
        names = [name for name in self._columns if name in row]
        # Every row has its player and something else, so this returns a tuple.
        return "\t".join(fields) + "\n", itemgetter(*names)


def _preset(column: LineColumn) -> str:
    return _NULL if column.preset is None else _escaped(column.preset).replace("%", "%%")


def _field(value: object) -> str:
    kind = type(value)
    if kind is str:
        return _escaped(value)  # type: ignore[arg-type]
    if kind is int:
        return str(value)
    if value is None:
        return _NULL
    if isinstance(value, bool):
        return "true" if value else "false"
    return _escaped(_array(cast("list[object]", value)))


def _escaped(text: str) -> str:
    return text if text.isprintable() and "\\" not in text else text.translate(_ESCAPES)


def _array(items: Iterable[object]) -> str:
    return text_array(["true" if item is True else "false" if item is False else str(item) for item in items])
