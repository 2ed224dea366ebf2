"""The duty that refreshes the rankings in the database, which serve reads without Redis."""

from __future__ import annotations

import math
import time

from shared.domain.instant import SECOND
from shared.domain.refresh_pace import Refresh, is_due
from shared.postgres.connection import Connection
from shared.postgres.database import Database
from shared.postgres.leaderboards import ranking_refresh
from shared.postgres.long_work import LongWork
from shared.runtime.clock import Clock
from shared.runtime.telemetry import Telemetry

POLL_INTERVAL_S = 2.0
"""Interval in seconds at which the duty looks whether a refresh is due."""
POLL_TIMEOUT_S = 5.0
REFRESH_TIMEOUT_S = 600.0
"""Time limit of one refresh. A leaderboard of a million players takes some 15 seconds."""
SECONDS_BUCKETS = (0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0)


class RankingRefresh:
    """The duty of one process: refresh the rankings when enough has changed."""

    def __init__(self, database: Database, clock: Clock, telemetry: Telemetry) -> None:
        self._database = database
        self._clock = clock
        self._work = LongWork(database, REFRESH_TIMEOUT_S)
        self._last: Refresh | None = None
        self._took = telemetry.histogram(
            "leaderboard_refresh_seconds",
            "Duration of refreshes of the rankings in the database.",
            buckets=SECONDS_BUCKETS,
        )
        telemetry.gauge("leaderboard_ranking_age_seconds", "Age of the rankings in the database.", self._age_s)

    def one_pass(self) -> bool:
        """Refresh the rankings if that is due and no other process does it. Return whether they were refreshed."""
        content, self._last = self._database.autocommit(ranking_refresh.read, time.monotonic() + POLL_TIMEOUT_S)
        if not is_due(self._clock(), content, self._last):
            return False
        done = self._work.transact(self._refresh)
        if done is None:
            return False
        self._last = done
        self._took.observe(done.duration / SECOND)
        return True

    def stop(self) -> None:
        """Cancel a refresh under way. The rankings stay as they are."""
        self._work.stop()

    def _refresh(self, connection: Connection) -> Refresh | None:
        """Refresh and return the refresh that was recorded; None if another process does it or if it is not due."""
        if not ranking_refresh.try_lock(connection):
            return None
        # Another process may have been faster.
        # The summary is read before the refresh: what changes meanwhile makes the next one due.
        now = self._clock()
        content, last = ranking_refresh.read(connection)
        if not is_due(now, content, last):
            return None
        started = time.monotonic()
        ranking_refresh.refresh(connection)
        done = Refresh(now, content, round((time.monotonic() - started) * SECOND))
        ranking_refresh.store(connection, done)
        return done

    def _age_s(self) -> float:
        """Return the seconds since the last refresh started; NaN if there was none."""
        last = self._last
        return max(0, self._clock() - last.fresh_at) / SECOND if last is not None else math.nan
