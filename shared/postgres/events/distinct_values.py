"""Values that tallies of distinct values have counted, in the database."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from shared.domain.distinct_values import DistinctValue
from shared.domain.goal import Source, Stat
from shared.domain.instant import Instant
from shared.postgres.connection import Connection
from shared.postgres.statements import bytes_array, int_array, statement, text_array

_INSERT = statement("insert_distinct_values")
_PRUNE = statement("prune_distinct_values")


def insert_missing(connection: Connection, values: Iterable[DistinctValue]) -> set[DistinctValue]:
    """Record values, and return those that no transaction had recorded before.

    Tallies that have counted `DISTINCT_MAX` values get no more. Two transactions that are under way at once may each
    add one beyond; no target is that high.
    """
    keys = sorted(values)
    rows = _INSERT.rows(
        connection,
        text_array([key.user_id for key in keys]),
        text_array([key.schedule for key in keys]),
        int_array([key.period_start for key in keys]),
        text_array([key.stat.code for key in keys]),
        bytes_array([key.value_hash for key in keys]),
    )
    return {
        DistinctValue(user_id, schedule, start, Stat(Source.DERIVED, code), value_hash)
        for user_id, schedule, start, code, value_hash in rows
    }


def prune(connection: Connection, after: str, last: str, before: Mapping[str, Instant]) -> None:
    """Delete values of a range of players whose period begins before an instant by schedule."""
    schedules = sorted(before)
    befores = int_array([before[schedule] for schedule in schedules])
    _PRUNE.rows(connection, after, last, text_array(schedules), befores)
