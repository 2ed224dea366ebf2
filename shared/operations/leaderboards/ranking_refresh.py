"""The duty that keeps the rankings in the database up to date, which serve reads without Redis.

Each transaction that changes scores notes its players. The duty ranks these players again, and all of them for new
leaderboards, after changes that were not noted, and once in `SWEEP_INTERVAL`, which repairs what was changed by hand.
Each step is a short transaction that also stores how far it came. So a process may die at any point, and another goes
on; nothing holds back the vacuum of the database, and there is no number of players that is too great.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from contextlib import suppress
from enum import Enum

from shared.domain.errors import DeadlineExceeded, Overloaded
from shared.domain.instant import HOUR, SECOND, Instant, Microseconds
from shared.domain.refresh_pace import CHANGES_ENOUGH, PATIENCE, is_due
from shared.operations.step_size import StepSize
from shared.postgres import player_sweeps
from shared.postgres.connection import Connection
from shared.postgres.database import Database
from shared.postgres.distribution.doubt import InDoubt, await_nodes
from shared.postgres.leaderboards import ranking_refresh
from shared.postgres.leaderboards.ranking_refresh import Phase
from shared.postgres.player_sweeps import RANKING_REFRESH, Sweep
from shared.runtime.clock import Clock
from shared.runtime.telemetry import Telemetry

POLL_INTERVAL_S = 2.0
"""Interval in seconds at which the duty checks whether there is work."""
STEP_TIMEOUT_S = 10.0
"""Much longer than a step takes."""
CHANGED_PLAYERS = 1_000
"""Changed players ranked again in one step, approximately."""
RANGE_ROWS = 5_000
"""Greatest number of tallies, of standings and of ranked scores in one range of players."""
DROP_ROWS = 5_000
"""Rows of a ranking that are deleted in one step."""
REST_FACTOR = 3
"""Rest after each step, as a multiple of its duration: at most a quarter of a core is spent on the duty."""
REST_MAX_S = 5.0
OWNED_FOR: Microseconds = 60 * SECOND
"""Time after which a process that was not seen counts as dead: longer than a step and a rest."""
SWEEP_INTERVAL: Microseconds = 24 * HOUR
"""Pause between sweeps that nothing has asked for."""
SECONDS_BUCKETS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)


class RefreshStep(Enum):
    """The outcome of a step."""

    WORKED = "worked"
    FINISHED = "finished"
    BUSY = "busy"


class RankingRefresh:
    """The steps of the duty in one process. However many processes have the duty, one works at a time."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        telemetry: Telemetry,
        owner: str = "a process",
        rest: Callable[[float], bool] = lambda _: False,
    ) -> None:
        """`owner` names the process. `rest` waits for seconds, and returns True if it is time to stop."""
        self._database = database
        self._clock = clock
        self._owner = owner
        self._rest = rest
        self._changes_are_next = True
        self._swept = False
        self._size = StepSize()
        self._fresh_at: Instant | None = None
        self.seen: Sweep | None = None
        """The progress as of the last pass or step; None if no process has begun yet."""
        self._took = telemetry.histogram(
            "leaderboard_refresh_seconds",
            "Duration of steps that update the rankings in the database.",
            buckets=SECONDS_BUCKETS,
        )
        telemetry.gauge("leaderboard_ranking_age_seconds", "Age of the rankings in the database.", self._age_s)

    def one_pass(self) -> bool:
        """Take steps until nothing is left to do, another process works, or it is time to stop.

        Return whether rankings have changed and are up to date. Raise `DatabaseUnavailable`, `DeadlineExceeded` or
        `Overloaded`.
        """
        work = self._database.autocommit(
            lambda connection: ranking_refresh.read_work(connection, CHANGES_ENOUGH), time.monotonic() + STEP_TIMEOUT_S
        )
        self.seen, self._fresh_at = work.sweep, work.fresh_at
        sweeping = work.sweep is not None and work.sweep.bookmark is not None
        finish_time = None if work.sweep is None else work.sweep.finish_time
        if not (work.due or sweeping or is_due(self._clock(), work.changes, finish_time)):
            return False
        worked = False
        while True:
            started = time.monotonic()
            try:
                step = self._database.transact(self.one_step, started + STEP_TIMEOUT_S)
            except InDoubt:
                return False
            except DeadlineExceeded:
                self._size.exceeded()
                raise
            if step is not RefreshStep.WORKED:
                return worked and step is RefreshStep.FINISHED
            worked = True
            took_s = time.monotonic() - started
            self._took.observe(took_s)
            self._size.took(took_s, STEP_TIMEOUT_S)
            if self._swept:
                self._swept = False
                self._analyze()
            if self._rest(min(REST_FACTOR * took_s, REST_MAX_S)):
                return False

    def _analyze(self) -> None:
        """Update the planner's statistics after a sweep, unless that takes long, as during a vacuum of the table."""
        # In the step, it would hold up all rankings and erasures, and a sweep would not be complete before a vacuum is.
        with suppress(DeadlineExceeded, Overloaded):
            self._database.autocommit(ranking_refresh.analyze, time.monotonic() + STEP_TIMEOUT_S)

    def one_step(self, connection: Connection) -> RefreshStep:
        """Rank some changed players or a range of all, delete some of an ended ranking, or finish, in a transaction."""
        now = self._clock()
        if not ranking_refresh.try_lock(connection):
            return RefreshStep.BUSY
        sweep = player_sweeps.take(connection, RANKING_REFRESH, self._owner, now, now - OWNED_FOR)
        if sweep is None:
            return RefreshStep.BUSY
        # Many tallies without a value of the measure, such as a highest one, may be looked through for the first score.
        begun = ranking_refresh.begin(connection, now, find_empty=self._size.is_greatest)
        ranking_refresh.end(connection)
        sweep = self._start_sweep_if_due(connection, sweep, now)
        # While a sweep is under way, it goes on however many players change.
        changes_are_next = self._changes_are_next
        self._changes_are_next = not changes_are_next
        if changes_are_next:
            if self._rank_changed(connection):
                return self._worked(connection, now, sweep)
            sweep = self._record_fresh_during_sweep(connection, sweep, now)
        if ranking_refresh.drop_some(connection, self._size.of(DROP_ROWS)):
            return self._worked(connection, now, sweep)
        if sweep.bookmark is not None:
            return self._worked(connection, now, self._sweep_next_range(connection, sweep, now))
        if begun or (not changes_are_next and self._rank_changed(connection)):
            return self._worked(connection, now, sweep)
        if sweep.unpublished:
            ranking_refresh.freshen(connection, now)
            self._fresh_at = now
        self.seen = sweep._replace(finish_time=now, unpublished=False)
        player_sweeps.store(connection, RANKING_REFRESH, "", now, self.seen)
        return RefreshStep.FINISHED

    def _start_sweep_if_due(self, connection: Connection, sweep: Sweep, now: Instant) -> Sweep:
        """Return the sweep, or a new one if changes were perhaps not noted, or the last one was long ago."""
        if sweep.bookmark is not None:
            return sweep
        is_old = sweep.complete_time is None or now - sweep.complete_time >= SWEEP_INTERVAL
        if (is_old or ranking_refresh.is_sweep_due(connection)) and ranking_refresh.begin_sweep(connection):
            return sweep._replace(bookmark="", begin_time=now, visited=0)
        return sweep

    def _sweep_next_range(self, connection: Connection, sweep: Sweep, now: Instant) -> Sweep:
        """Rank the next range of all players, and return the sweep's progress, which the caller stores.

        After the last range, complete the sweep.
        """
        user_ids, end = ranking_refresh.range_after(connection, sweep.bookmark or "", self._size.of(RANGE_ROWS))
        if user_ids:
            ranking_refresh.rank(connection, Phase.OPEN, user_ids)
        visited = sweep.visited + len(user_ids)
        sweep = sweep._replace(bookmark=end, visited=visited)
        if end is not None:
            return sweep
        ranking_refresh.complete_sweep(connection, sweep.begin_time)
        self._swept = True
        return sweep._replace(complete_time=now, last_visited=visited)

    def _rank_changed(self, connection: Connection) -> bool:
        """Rank some of the players that were noted as changed; return False if there is none."""
        players = self._size.of(CHANGED_PLAYERS)
        changed = ranking_refresh.take_changes(connection, players, lambda: await_nodes(connection))
        if changed:
            ranking_refresh.rank(connection, Phase.OPEN, changed)
        return changed is not None

    def _record_fresh_during_sweep(self, connection: Connection, sweep: Sweep, now: Instant) -> Sweep:
        """During a sweep, record at intervals that all noted changes are applied, and return the sweep."""
        finished = sweep.finish_time
        if sweep.bookmark is None or (finished is not None and now - finished < PATIENCE):
            return sweep
        ranking_refresh.freshen(connection, now)
        return sweep if ranking_refresh.is_sweep_due(connection) else sweep._replace(finish_time=now)

    def _worked(self, connection: Connection, now: Instant, sweep: Sweep) -> RefreshStep:
        self.seen = sweep._replace(unpublished=True)
        player_sweeps.store(connection, RANKING_REFRESH, self._owner, now, self.seen)
        return RefreshStep.WORKED

    def _age_s(self) -> float:
        """Return the seconds since the rankings were last up to date; NaN if they never were."""
        return max(0, self._clock() - self._fresh_at) / SECOND if self._fresh_at is not None else math.nan
