"""The duty that carries old completions forward, where a setting says how long they are kept.

Completions of periods that are over for good are deleted and added to one row per player and goal: so the goal was ever
completed, reports count it, and standings of the lifetime can be recalculated. Completions of the lifetime are never
deleted, nor are those whose grants an operator or a dispatcher may still change. This is done by whole calendar months,
so that rows are added up once a month rather than every day.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import NamedTuple

from shared.domain.catalogue import Catalogue
from shared.domain.instant import Instant, Microseconds
from shared.domain.rotation import over_before
from shared.domain.schedules import LIFETIME, MONTHLY
from shared.operations.player_ranges import PlayerRanges, Visited
from shared.postgres.connection import Connection
from shared.postgres.database import Database
from shared.postgres.goals import completion_retention, settled_completions
from shared.postgres.statistics.challenge_reports import LAST_USER_ID

RETAIN_INTERVAL_S = 3_600.0
PASS_TIMEOUT_S = 24 * 3_600.0
STEP_TIMEOUT_S = 10.0
STEP_COMPLETIONS = 1_000
"""Maximum number of completions carried forward in one transaction, and their approximate number in a range."""
STEP_UNPACKED = 20
"""Maximum number of players whose completions are unpacked in one transaction."""
COMPLETIONS_A_SECOND = 5_000
"""Maximum number of completions visited per second, carried forward or not."""


def closed_before(first_open: Instant | None, retention: Microseconds, now: Instant) -> Instant:
    """Return the start of the month before which completions are carried forward.

    `first_open` is the start of the oldest period of a leaderboard over points whose ranking is not final.
    """
    before = now - retention if first_open is None else min(now - retention, first_open)
    month = MONTHLY.shown_at(before)
    return before if month is None else month.start


class _Subject(NamedTuple):
    """The catalogue and the month that decide which completions a pass carries forward."""

    catalogue_version: str
    month: Instant


class CompletionRetention:
    """The duty of a process. However many processes have it, one carries forward at a time."""

    def __init__(self, database: Database, retention: Microseconds, rest: Callable[[float], bool]) -> None:
        """`rest` waits for the given number of seconds, and returns True if it is time to stop."""
        self._database = database
        self._retention = retention
        self._ranges = PlayerRanges(rest)
        self._begun: _Subject | None = None
        """The subject with which the last pass began, whether it has ended or was interrupted."""
        self._done: _Subject | None = None
        """The same of the last whole pass: until the subject changes there is nothing to do."""

    def one_pass(self, catalogue: Catalogue, now: Instant) -> int:
        """Carry completions of all players forward, and return how many.

        Raise `DatabaseUnavailable`, `DeadlineExceeded` or `Overloaded`.
        """
        if all(goal.schedule == LIFETIME for goal in catalogue.goals.values()):
            return 0

        def work(holder: Connection) -> int:
            # The steps have transactions of their own. This one reads no table, so not even a migration waits for it.
            if not completion_retention.lock(holder):
                return 0
            first_open = self._database.autocommit(
                completion_retention.first_open_period, time.monotonic() + STEP_TIMEOUT_S
            )
            month = closed_before(first_open, self._retention, now)
            subject = _Subject(catalogue.version, month)
            if self._done == subject:
                return 0
            before = _periods_before(catalogue, month)
            if not before:
                return 0
            if not self._ranges.under_way:
                self._begun = subject
            step = partial(self._step, before=before, month=month)
            carried, whole = self._ranges.one_pass(
                lambda: completion_retention.lock(holder), step, STEP_COMPLETIONS / COMPLETIONS_A_SECOND
            )
            if whole:
                # If it was interrupted and the month has changed since, the first players are visited again.
                self._done = self._begun
            return carried

        return self._database.transact(work, time.monotonic() + PASS_TIMEOUT_S)

    def _step(self, after: str, *, before: Mapping[str, Instant], month: Instant) -> Visited:
        def work(connection: Connection) -> Visited:
            end = self._unpack(connection, after, max(before.values()))
            keys = completion_retention.find_old(
                connection, after, end or LAST_USER_ID, before, month, STEP_COMPLETIONS
            )
            carried = completion_retention.carry(
                connection, completion_retention.lock_old(connection, keys, month), month
            )
            # There may be more of these players. They are visited again, from the start of the range.
            return Visited(after if len(keys) == STEP_COMPLETIONS else end, carried)

        return self._database.transact(work, time.monotonic() + STEP_TIMEOUT_S)

    def _unpack(self, connection: Connection, after: str, before: Instant) -> str | None:
        """Unpack what is old enough in a range of players that begins after one, and return the last of them."""
        ends = [
            completion_retention.end_of_range(connection, after, STEP_COMPLETIONS),
            settled_completions.end_of_range(connection, after, STEP_COMPLETIONS),
        ]
        end = min((each for each in ends if each is not None), default=None)
        unpacked = settled_completions.with_old(connection, after, end or LAST_USER_ID, before, STEP_UNPACKED)
        if unpacked:
            settled_completions.unpack(connection, unpacked, before)
        return unpacked[-1] if len(unpacked) == STEP_UNPACKED else end


def _periods_before(catalogue: Catalogue, month: Instant) -> dict[str, Instant]:
    """Return, by goal id, the instant before which its periods begin that ended before the month."""
    found = {
        goal.id: over_before(goal.schedule, month) for goal in catalogue.goals.values() if goal.schedule != LIFETIME
    }
    return {goal_id: before for goal_id, before in found.items() if before is not None}
