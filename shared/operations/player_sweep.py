"""Work that follows all players at a cost that depends on how many of them change.

A duty updates the players that transactions have noted as changed, and, from time to time, all of them: when it works
by another version, as of the catalogue, and once in `SWEEP_INTERVAL`, which repairs what was changed by hand.
Each step is a short transaction of its own that also stores how far it came. So a process may die at any point, and
another goes on; nothing holds back the vacuum of the database, and there is no number of players that is too great.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from enum import Enum
from typing import NamedTuple

from shared.domain.errors import DeadlineExceeded
from shared.domain.instant import HOUR, SECOND, Instant, Microseconds
from shared.operations.step_size import StepSize
from shared.postgres import player_sweeps
from shared.postgres.connection import Connection
from shared.postgres.database import Database
from shared.postgres.distribution.doubt import InDoubt, await_nodes
from shared.postgres.player_sweeps import Sweep
from shared.runtime.clock import Clock

STEP_TIMEOUT_S = 10.0
"""Much longer than a step takes."""
CHANGED_MAX = 500
"""Notes of changed players taken in one step."""
REST_FACTOR = 9
"""Rest after each step, as a multiple of its duration: at most a tenth of a core is spent on a duty."""
REST_MAX_S = 5.0
OWNED_FOR: Microseconds = 60 * SECOND
"""Time after which a process that was not seen counts as dead: longer than a step and a rest."""
SWEEP_INTERVAL: Microseconds = 24 * HOUR
"""Pause between sweeps of one version."""
PUBLISH_INTERVAL: Microseconds = 60 * SECOND
"""Interval at which results are published while a sweep of the same version is under way."""


class PlayerRange(NamedTuple):
    """Players whose ids follow each other."""

    user_ids: Sequence[str]
    end: str | None
    """The last id of this range; None if no range follows."""


class SweepWork(NamedTuple):
    """The work of a duty on players, each time in the transaction of a step."""

    update: Callable[[Connection, Sequence[str]], object]
    """Bring what is stored of these players up to date."""
    range_after: Callable[[Connection, str, StepSize], PlayerRange]
    """Return the range that begins after an id, as large as steps may be."""
    publish: Callable[[Connection], object]
    """Publish the results, which are up to date."""
    collect: Callable[[Connection], bool] = lambda _: False
    """Note players that changed otherwise; return True if there may be more of them."""


class SweepStep(Enum):
    """The outcome of a step."""

    WORKED = "worked"
    FINISHED = "finished"
    PUBLISHED = "published"
    BUSY = "busy"


class PlayerSweep:
    """The steps of one duty in one process. However many processes have the duty, one works at a time."""

    def __init__(
        self,
        database: Database,
        duty: str,
        owner: str,
        clock: Clock,
        rest: Callable[[float], bool] = lambda _: False,
        interval: Microseconds = 0,
    ) -> None:
        """`owner` names the process. `rest` waits for seconds, and returns True if it is time to stop.

        A pass does nothing if any process has finished within the `interval`.
        """
        self._database = database
        self._duty = duty
        self._owner = owner
        self._clock = clock
        self._rest = rest
        self._interval = interval
        self._range_is_next = False
        self._size = StepSize()
        self.seen: Sweep | None = None
        """The progress as of the last pass or step; None if no process has begun yet."""

    def one_pass(self, version: str, work: SweepWork) -> bool:
        """Take steps until nothing is left to do, another process works, or it is time to stop.

        Return whether results were published. Raise `DatabaseUnavailable`, `DeadlineExceeded` or `Overloaded`. After a
        step that has exceeded its time limit, the next one is half as large.
        """
        self.seen = self._database.autocommit(
            lambda connection: player_sweeps.read(connection, self._duty), time.monotonic() + STEP_TIMEOUT_S
        )
        if self.seen is not None and self._is_fresh(self.seen, version):
            return False
        while True:
            started = time.monotonic()
            try:
                step = self._database.transact(
                    lambda connection: self.one_step(connection, version, work), started + STEP_TIMEOUT_S
                )
            except InDoubt:
                return False
            except DeadlineExceeded:
                self._size.exceeded()
                raise
            if step is not SweepStep.WORKED:
                return step is SweepStep.PUBLISHED
            took_s = time.monotonic() - started
            self._size.took(took_s, STEP_TIMEOUT_S)
            if self._rest(min(REST_FACTOR * took_s, REST_MAX_S)):
                return False

    def _is_fresh(self, sweep: Sweep, version: str) -> bool:
        finished = sweep.finish_time
        return sweep.version == version and finished is not None and 0 <= self._clock() - finished < self._interval

    def one_step(self, connection: Connection, version: str, work: SweepWork) -> SweepStep:
        """Update some changed players or a range of all, or finish, in this transaction."""
        now = self._clock()
        sweep = player_sweeps.take(connection, self._duty, self._owner, now, now - OWNED_FOR)
        if sweep is None:
            return SweepStep.BUSY
        sweep = _start_sweep_if_due(sweep, version, now)
        # While a sweep is under way, it goes on however many players change.
        takes_range = sweep.bookmark is not None and self._range_is_next
        self._range_is_next = not self._range_is_next
        if not takes_range:
            more = work.collect(connection)
            changed = player_sweeps.take_changed(connection, self._duty, self._size.of(CHANGED_MAX))
            if changed or more:
                if changed:
                    await_nodes(connection)
                    work.update(connection, changed)
                return self._worked(connection, now, sweep._replace(unpublished=sweep.unpublished or bool(changed)))
            if sweep.bookmark is not None and _may_publish(sweep, now):
                work.publish(connection)
                return self._worked(connection, now, sweep._replace(unpublished=False, finish_time=now))
        if sweep.bookmark is not None:
            user_ids, end = work.range_after(connection, sweep.bookmark, self._size)
            if user_ids:
                work.update(connection, user_ids)
            visited = sweep.visited + len(user_ids)
            sweep = sweep._replace(bookmark=end, visited=visited, unpublished=True)
            if end is None:
                sweep = sweep._replace(complete_time=now, last_visited=visited)
            return self._worked(connection, now, sweep)
        published = sweep.unpublished
        if published:
            work.publish(connection)
        finished = sweep._replace(unpublished=False, finish_time=now)
        player_sweeps.store(connection, self._duty, "", now, finished)
        self.seen = finished
        return SweepStep.PUBLISHED if published else SweepStep.FINISHED

    def _worked(self, connection: Connection, now: Instant, sweep: Sweep) -> SweepStep:
        player_sweeps.store(connection, self._duty, self._owner, now, sweep)
        self.seen = sweep
        return SweepStep.WORKED


def _start_sweep_if_due(sweep: Sweep, version: str, now: Instant) -> Sweep:
    """Return the sweep, or a new one if this version was never swept, or long ago."""
    if sweep.version != version:
        return sweep._replace(
            version=version,
            bookmark="",
            begin_time=now,
            visited=0,
            complete_time=None,
            last_visited=None,
            unpublished=True,
        )
    due = sweep.complete_time is None or now - sweep.complete_time >= SWEEP_INTERVAL
    if sweep.bookmark is None and due:
        return sweep._replace(bookmark="", begin_time=now, visited=0)
    return sweep


def _may_publish(sweep: Sweep, now: Instant) -> bool:
    """Return whether the results can be published although a sweep is under way: one of this version was complete."""
    finished = sweep.finish_time
    return sweep.complete_time is not None and (finished is None or now - finished >= PUBLISH_INTERVAL)
