"""Deletion of tallies of past periods, range by range of players."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from shared.domain.goal import Goal
from shared.domain.instant import Instant
from shared.postgres.connection import Connection
from shared.postgres.statements import int_array, statement, text_array
from shared.postgres.statistics.challenge_reports import goal_columns

_LOCK = statement("lock_tally_pruning")
_FIRST_OPEN_PERIODS = statement("first_open_periods")
_PRUNE = statement("prune_tallies")


def lock(connection: Connection) -> bool:
    """Return whether this transaction is the one that prunes."""
    return bool(_LOCK.value(connection))


def first_open_periods(connection: Connection) -> dict[str, Instant]:
    """Return the start of the oldest period whose rankings are not final, by schedule text."""
    return dict(_FIRST_OPEN_PERIODS.rows(connection))


def prune(connection: Connection, after: str, last: str, before: Mapping[str, Instant], goals: Sequence[Goal]) -> int:
    """Delete tallies of a range of players whose period begins before an instant by schedule; return their number.

    Note the challenges of these goals that the players have started with them.
    """
    schedules = sorted(before)
    befores = int_array([before[schedule] for schedule in schedules])
    return int(_PRUNE.value(connection, after, last, text_array(schedules), befores, *goal_columns(goals)))
