"""What a database needs done to it now and then: judged by what it says of itself."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from typing import NamedTuple

ROWS_MIN = 1_000
"""Of fewer rows than these nothing is worth doing: tables of a few pages are read as quickly as ever."""
DEAD_SHARE = 0.02
"""Dead rows for each that lives: a tenth of what autovacuum waits for by default."""
CHANGED_SHARE = 0.02


class Index(NamedTuple):
    """An index as the database describes it."""

    name: str
    table: str
    definition: str
    of_constraint: bool
    valid: bool
    """Whether it can be used, or will be: somebody is building it."""


class IndexWork(StrEnum):
    """What is to be done about an index."""

    CREATE = "create"
    REBUILD = "rebuild"
    """It is there and cannot be used: something ended its building."""
    DROP = "drop"
    """It cannot be used, and is none of ours: what a rebuild left that was ended."""
    BY_HAND = "see to it by hand"
    """A constraint is missing, or the index is another one than the migrations say: nobody but a person knows why."""


def index_work(wanted: Iterable[Index], present: Iterable[Index]) -> Iterator[tuple[Index, IndexWork]]:
    """What makes the indexes that are present those that are wanted. Those that were added and work are left alone."""
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
    """What has happened to a table, as the database counts it."""

    name: str
    live_rows: int
    dead_rows: int
    changed_rows: int
    """Since the planner's statistics were made."""
    added_rows: int
    """Since it was vacuumed."""
    analyzed: bool
    """Whether the planner has any statistics."""


class TableWork(StrEnum):
    """What is to be done about a table."""

    VACUUM = "vacuum and analyze"
    ANALYZE = "analyze"


def table_work(tables: Iterable[TableActivity]) -> Mapping[str, TableWork]:
    """What is worth doing, by the table's name."""
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
