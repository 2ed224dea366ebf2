"""Maintenance of tables and indexes, decided from the database's own statistics."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from typing import NamedTuple

ROWS_MIN = 1_000
"""Fewest rows worth any work: tables of a few pages are fast to read in any state."""
DEAD_SHARE = 0.02
"""Dead rows per live row that make a vacuum worthwhile: a tenth of autovacuum's default threshold."""
CHANGED_SHARE = 0.02


class Index(NamedTuple):
    """An index, as described by the database."""

    name: str
    table: str
    definition: str
    of_constraint: bool
    valid: bool
    """True if queries can use it, or will be able to because it is being built."""


class IndexWork(StrEnum):
    """The work an index needs."""

    CREATE = "create"
    REBUILD = "rebuild"
    """It exists but is unusable: its build was interrupted."""
    DROP = "drop"
    """It is unusable and not ours: left behind by an interrupted rebuild."""
    BY_HAND = "repair by hand"
    """A constraint is missing, or the index differs from the migrations: only a person can tell why."""


def index_work(wanted: Iterable[Index], present: Iterable[Index]) -> Iterator[tuple[Index, IndexWork]]:
    """Yield the work that turns the present indexes into the wanted ones. Additional valid indexes are left alone."""
    there = {index.name: index for index in present}
    for index in wanted:
        found = there.pop(index.name, None)
        if found is None:
            yield index, IndexWork.BY_HAND if index.of_constraint else IndexWork.CREATE
        elif found.definition != index.definition or found.table != index.table:
            yield found, IndexWork.BY_HAND
        elif not found.valid:
            yield found, IndexWork.REBUILD
    for index in there.values():
        if not index.valid:
            yield index, IndexWork.BY_HAND if index.of_constraint else IndexWork.DROP


class TableActivity(NamedTuple):
    """The activity on a table, from the database's statistics."""

    name: str
    live_rows: int
    dead_rows: int
    changed_rows: int
    """Since the last ANALYZE."""
    added_rows: int
    """Since the last VACUUM."""
    analyzed: bool
    """True if the planner has statistics."""


class TableWork(StrEnum):
    """The work a table needs."""

    VACUUM = "vacuum and analyze"
    ANALYZE = "analyze"


def table_work(tables: Iterable[TableActivity]) -> Mapping[str, TableWork]:
    """Return the work worth doing, by table name."""
    found = {}
    for table in tables:
        if table.dead_rows >= max(ROWS_MIN, DEAD_SHARE * table.live_rows) or table.added_rows >= max(
            ROWS_MIN, CHANGED_SHARE * table.live_rows
        ):
            found[table.name] = TableWork.VACUUM
        elif (not table.analyzed and table.live_rows > 0) or table.changed_rows >= max(
            ROWS_MIN, CHANGED_SHARE * table.live_rows
        ):
            found[table.name] = TableWork.ANALYZE
    return found
