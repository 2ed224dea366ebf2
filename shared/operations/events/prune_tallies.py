"""The duty that deletes tallies, and selections of pools, of periods that are over for good.

Claims of past periods need stored completions alone, no event is accepted that old, and the rankings of the period are
final. Only the count of players who have started a challenge looks at all periods, so who has started one is noted with
the deletion. Tallies of the lifetime are never deleted.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from shared.domain.catalogue import Catalogue
from shared.domain.goal import Goal
from shared.domain.instant import HOUR, Instant, Microseconds
from shared.domain.rotation import over_before
from shared.domain.schedules import Schedule
from shared.operations.player_ranges import PlayerRanges, Visited
from shared.postgres.connection import Connection
from shared.postgres.database import Database
from shared.postgres.events import distinct_values, tally_pruning
from shared.postgres.goals import selections
from shared.postgres.statistics import challenge_reports

PRUNE_INTERVAL_S = 3_600.0
PRUNE_TIMEOUT_S = 24 * 3_600.0
RANGE_TIMEOUT_S = 10.0
RANGE_TALLIES = 1_000
"""Approximate number of tallies in one range of players. Those of past periods are deleted in one transaction."""
TALLIES_A_SECOND = 5_000
"""Maximum number of tallies visited per second, deleted or not: ten million take half an hour."""
MARGIN: Microseconds = HOUR
"""Time beyond the accepted age of events after which a period is over for good."""


def prunable_before(
    schedule: Schedule, first_open: Instant | None, accepted_age: Microseconds, now: Instant
) -> Instant | None:
    """Return the instant before which periods begin that are over for good; None if there is none.

    `first_open` is the start of the schedule's oldest period whose rankings are not final.
    """
    before = over_before(schedule, now - max(schedule.claim_grace, accepted_age + MARGIN))
    return before if before is None or first_open is None else min(before, first_open)


class PruningBounds(NamedTuple):
    """The instants before which periods begin that are over for good."""

    by_schedule: Mapping[str, Instant]
    """By schedule text."""
    by_challenge: Mapping[str, Instant]
    """By challenge id."""


class TallyPruning:
    """The duty of a process. However many processes have it, one prunes at a time."""

    def __init__(self, database: Database, rest: Callable[[float], bool]) -> None:
        """`rest` waits for the given number of seconds, and returns True if it is time to stop."""
        self._database = database
        self._ranges = PlayerRanges(rest)

    def one_pass(self, catalogue: Catalogue, accepted_age: Microseconds, now: Instant) -> int:
        """Prune the tallies of all players, and return how many were deleted.

        `accepted_age` is the age up to which events are accepted, in microseconds. Raise `DatabaseUnavailable`,
        `DeadlineExceeded` or `Overloaded`.
        """
        schedules = {schedule for some in catalogue.tally_schedules.values() for schedule in some}
        if not schedules:
            return 0

        def work(holder: Connection) -> int:
            # The deletions have short transactions of their own. This one reads no table, so not even a migration waits
            # for it.
            if not tally_pruning.lock(holder):
                return 0
            open_periods = self._database.autocommit(
                tally_pruning.first_open_periods, time.monotonic() + RANGE_TIMEOUT_S
            )
            found = {
                schedule.text: prunable_before(schedule, open_periods.get(schedule.text), accepted_age, now)
                for schedule in schedules
            }
            before = {text: instant for text, instant in found.items() if instant is not None}
            if not before:
                return 0
            return self._prune(holder, catalogue, PruningBounds(before, _of_challenges(catalogue, before)))

        return self._database.transact(work, time.monotonic() + PRUNE_TIMEOUT_S)

    def _prune(self, holder: Connection, catalogue: Catalogue, before: PruningBounds) -> int:
        goals = [goal for goal in catalogue.goals.values() if goal.schedule.text in before.by_schedule]

        def step(after: str) -> Visited:
            return self._database.autocommit(
                lambda connection: _prune_range(connection, after, before, goals), time.monotonic() + RANGE_TIMEOUT_S
            )

        deleted, _ = self._ranges.one_pass(lambda: tally_pruning.lock(holder), step, RANGE_TALLIES / TALLIES_A_SECOND)
        return deleted


def _of_challenges(catalogue: Catalogue, before: Mapping[str, Instant]) -> dict[str, Instant]:
    """Return the instants by the ids of challenges whose goals share one of the schedules, as those of a pool do."""
    found: dict[str, Instant] = {}
    for challenge in catalogue.challenges:
        schedules = {goal.schedule.text for goal in challenge.goals}
        if len(schedules) == 1 and (instant := before.get(schedules.pop())) is not None:
            found[challenge.id] = instant
    return found


def _prune_range(connection: Connection, after: str, before: PruningBounds, goals: Sequence[Goal]) -> Visited:
    """Prune the range of players that begins after a player."""
    last = challenge_reports.end_of_range(connection, after, RANGE_TALLIES)
    distinct_values.prune(connection, after, last, before.by_schedule)
    if before.by_challenge:
        selections.prune(connection, after, last, before.by_challenge)
    deleted = tally_pruning.prune(connection, after, last, before.by_schedule, goals)
    return Visited(None if last == challenge_reports.LAST_USER_ID else last, deleted)
