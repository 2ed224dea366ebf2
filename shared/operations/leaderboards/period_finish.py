"""The duty that makes rankings of ended periods final, in steps that any process can continue.

First every player's score is read once more, in ranges of players, and the stored ranking of the period is brought up
to date. Then the players get their places, in the order of the ranking, from the first to the last. Each step is a
short transaction that also stores how far it came. The ranking can be read as final once the last player has a place.

A score that changes meanwhile is in the final ranking as of when it was read. A player who is erased meanwhile is not
in it, or has the place under a pseudonym: an erasure and a step never happen at the same time.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from enum import Enum

from shared.domain.errors import DeadlineExceeded
from shared.domain.instant import HOUR, Instant, Microseconds
from shared.domain.scores import RankingKey
from shared.operations.leaderboards.ranking_refresh import (
    OWNED_FOR,
    RANGE_ROWS,
    REST_FACTOR,
    REST_MAX_S,
    STEP_TIMEOUT_S,
)
from shared.operations.step_size import StepSize
from shared.postgres import player_sweeps
from shared.postgres.connection import Connection
from shared.postgres.database import Database
from shared.postgres.leaderboards import leaderboard_periods, ranking_finish, ranking_refresh
from shared.postgres.leaderboards.ranking_refresh import Phase
from shared.postgres.player_sweeps import PERIOD_FINISH, Sweep
from shared.runtime.clock import Clock

FINAL_MARGIN: Microseconds = HOUR
"""Time between the last accepted event of a period and its final ranking: far longer than an event waits for its
commit, and than the clocks of handlers differ."""
PLACES = 5_000
"""Players who get their places in one step."""


class FinishStep(Enum):
    """The outcome of a step."""

    WORKED = "worked"
    FINISHED = "finished"
    IDLE = "idle"
    BUSY = "busy"


class PeriodFinish:
    """The steps of the duty in one process. However many processes have the duty, one works at a time."""

    def __init__(
        self, database: Database, owner: str, clock: Clock, rest: Callable[[float], bool] = lambda _: False
    ) -> None:
        """`owner` names the process. `rest` waits for seconds, and returns True if it is time to stop."""
        self._database = database
        self._owner = owner
        self._clock = clock
        self._rest = rest
        self._size = StepSize()
        self.seen: Sweep | None = None
        """The progress as of the last step; None before it."""

    def one_pass(self, horizon: Microseconds, now: Instant) -> int:
        """Make all rankings final that are due by `now`, and return how many were completed.

        A period is due when its last event was too old an hour ago: by `now` and by the database's clock, and by the
        horizons of all handlers. A pass ends early if another process works, or if it is time to stop. Raise
        `DatabaseUnavailable`, `DeadlineExceeded` or `Overloaded`.
        """
        finished = 0
        while True:
            started = time.monotonic()
            try:
                step = self._database.transact(
                    lambda connection: self.one_step(connection, horizon, now), started + STEP_TIMEOUT_S
                )
            except DeadlineExceeded:
                self._size.exceeded()
                raise
            finished += step is FinishStep.FINISHED
            if step in (FinishStep.IDLE, FinishStep.BUSY):
                return finished
            took_s = time.monotonic() - started
            self._size.took(took_s, STEP_TIMEOUT_S)
            if self._rest(min(REST_FACTOR * took_s, REST_MAX_S)):
                return finished

    def one_step(self, connection: Connection, horizon: Microseconds, due: Instant) -> FinishStep:
        """Begin with the period that ended first, read some of its scores, or give some players their places."""
        now = self._clock()
        if not leaderboard_periods.lock_periods(connection):
            return FinishStep.BUSY
        sweep = player_sweeps.take(connection, PERIOD_FINISH, self._owner, now, now - OWNED_FOR)
        if sweep is None:
            return FinishStep.BUSY
        # An erasure locks in this order, too.
        ranking_refresh.lock(connection)
        under_way = ranking_finish.read(connection)
        if under_way is None:
            period = leaderboard_periods.next_to_end(connection, due, horizon, FINAL_MARGIN)
            if period is None:
                self._store(connection, "", now, sweep._replace(finish_time=now))
                return FinishStep.IDLE
            ranking_finish.begin(connection, RankingKey(*period), now)
            sweep = sweep._replace(bookmark="", begin_time=now, visited=0)
        elif under_way.is_final:
            ranking_finish.forget(connection, under_way.ranking)
            sweep = sweep._replace(bookmark=None)
        elif under_way.bookmark is not None:
            user_ids, end = ranking_refresh.range_after(connection, under_way.bookmark, self._size.of(RANGE_ROWS))
            if user_ids:
                ranking_refresh.rank(connection, Phase.CLOSING, user_ids)
            ranking_finish.store(connection, under_way.ranking, end)
            visited = sweep.visited + len(user_ids)
            sweep = sweep._replace(bookmark=end, visited=visited)
            if end is None:
                sweep = sweep._replace(complete_time=now, last_visited=visited)
        else:
            places = self._size.of(PLACES)
            placed = ranking_finish.place(connection, under_way.ranking, places)
            if placed < places:
                ranking_finish.finish(connection, under_way, under_way.players + placed)
                self._store(connection, self._owner, now, sweep)
                return FinishStep.FINISHED
        self._store(connection, self._owner, now, sweep)
        return FinishStep.WORKED

    def _store(self, connection: Connection, owner: str, now: Instant, sweep: Sweep) -> None:
        player_sweeps.store(connection, PERIOD_FINISH, owner, now, sweep)
        self.seen = sweep


def finish_leaderboard_periods(database: Database, horizon: Microseconds, now: Instant) -> int:
    """Make all rankings final that are due by `now`, without rests, and return how many. Raise as `one_pass` does."""
    return PeriodFinish(database, "a process", lambda: now).one_pass(horizon, now)
