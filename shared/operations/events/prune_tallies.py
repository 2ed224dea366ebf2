"""The duty that deletes tallies, and selections of pools, of periods that are over for good.

Claims of past periods need stored completions alone, no event is accepted that old, and the rankings of the period are
final. Only the count of players who have started a challenge looks at all periods: from then on it counts those who
have completed a goal of it or have progress in a later period. Tallies of the lifetime and completions are never
deleted.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import NamedTuple

from shared.domain.catalogue import Catalogue
from shared.domain.instant import HOUR, Instant
from shared.domain.schedules import Schedule
from shared.postgres.connection import Connection
from shared.postgres.database import Database
from shared.postgres.events import tally_pruning
from shared.postgres.goals import selections
from shared.postgres.statistics import challenge_reports

PRUNE_INTERVAL_S = 3_600.0
PRUNE_TIMEOUT_S = 24 * 3_600.0
RANGE_TIMEOUT_S = 10.0
RANGE_TALLIES = 1_000
"""Approximate number of tallies in one range of players. Those of past periods are deleted in one transaction."""
TALLIES_A_SECOND = 5_000
"""Maximum number of tallies visited per second, deleted or not: ten million take half an hour."""
REST_FACTOR = 4
"""Rest after each range, at least as a multiple of its duration, in which calls have the core to themselves."""
REST_MAX_S = 5.0
"""A transaction that is idle for much longer would be ended by the server."""
MARGIN: Instant = HOUR
"""Time beyond the accepted age of events after which a period is over for good."""

LAST_USER_ID = challenge_reports.LAST_USER_ID


def prunable_before(
    schedule: Schedule, first_open: Instant | None, accepted_age: Instant, now: Instant
) -> Instant | None:
    """Return the instant before which periods begin that are over for good; None if there is none.

    `first_open` is the start of the schedule's oldest period whose rankings are not final.
    """
    last = schedule.last_before(now - max(schedule.claim_grace, accepted_age + MARGIN))
    if last is None or last.end is None:
        return None
    # A player's own periods end at other instants, but not two whole periods later.
    before = last.start - 2 * (last.end - last.start) if schedule.by_player else last.start + 1
    return before if first_open is None else min(before, first_open)


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
        self._rest = rest
        self._after = ""
        """The last player that was visited: a pass that is stopped is resumed there."""

    def one_pass(self, catalogue: Catalogue, accepted_age: Instant, now: Instant) -> int:
        """Prune the tallies of all players, and return how many were deleted.

        `accepted_age` is the age up to which events are accepted, in microseconds. Raise `DatabaseUnavailable`,
        `DeadlineExceeded` or `Overloaded`.
        """
        schedules = {schedule for some in catalogue.tally_schedules.values() for schedule in some}
        if not schedules:
            return 0

        def work(holder: Connection) -> int:
            # The deletions have short transactions of their own. This one changes nothing, so nothing waits for it.
            if not tally_pruning.lock(holder):
                return 0
            open_periods = tally_pruning.first_open_periods(holder)
            found = {
                schedule.text: prunable_before(schedule, open_periods.get(schedule.text), accepted_age, now)
                for schedule in schedules
            }
            before = {text: instant for text, instant in found.items() if instant is not None}
            return self._prune(holder, PruningBounds(before, _of_challenges(catalogue, before))) if before else 0

        return self._database.transact(work, time.monotonic() + PRUNE_TIMEOUT_S)

    def _prune(self, holder: Connection, before: PruningBounds) -> int:
        deleted = 0
        while tally_pruning.lock(holder):
            started = time.monotonic()
            last, count = self._database.autocommit(
                lambda connection: _prune_range(connection, self._after, before), started + RANGE_TIMEOUT_S
            )
            deleted += count
            self._after = "" if last == LAST_USER_ID else last
            took_s = time.monotonic() - started
            rest_s = max(REST_FACTOR * took_s, RANGE_TALLIES / TALLIES_A_SECOND - took_s)
            if not self._after or self._rest(min(rest_s, REST_MAX_S)):
                break
        return deleted


def _of_challenges(catalogue: Catalogue, before: Mapping[str, Instant]) -> dict[str, Instant]:
    """Return the instants by the ids of challenges whose goals share one of the schedules, as those of a pool do."""
    found: dict[str, Instant] = {}
    for challenge in catalogue.challenges:
        schedules = {goal.schedule.text for goal in challenge.goals}
        if len(schedules) == 1 and (instant := before.get(schedules.pop())) is not None:
            found[challenge.id] = instant
    return found


def _prune_range(connection: Connection, after: str, before: PruningBounds) -> tuple[str, int]:
    """Prune the range of players that begins after a player.

    Return the last player of the range and the number of tallies deleted.
    """
    last = challenge_reports.end_of_range(connection, after, RANGE_TALLIES)
    if before.by_challenge:
        selections.prune(connection, after, last, before.by_challenge)
    return last, tally_pruning.prune(connection, after, last, before.by_schedule)
