"""Leaderboards as part of a process: their rankings in Redis and in the database, and the duties that keep them."""

from __future__ import annotations

import random
import threading
import time
from contextlib import suppress
from functools import partial
from typing import NamedTuple

from shared.cache.cache_telemetry import CacheTelemetry
from shared.cache.clearing import clear_old_format
from shared.cache.errors import CacheRefused, CacheUnavailable
from shared.cache.ranking_cache import RankingCache
from shared.cache.ranking_markers import RankingMarkers
from shared.cache.redis import Cache
from shared.domain.catalogue import Catalogue
from shared.domain.errors import ChallengeError
from shared.domain.instant import SECOND
from shared.operations.catalogue.live_catalogue import LiveCatalogue
from shared.operations.events.event_horizon import EventHorizon
from shared.operations.leaderboards.known_boards import KnownBoards
from shared.operations.leaderboards.leaderboard_periods import (
    MAINTAIN_INTERVAL_S,
    MAINTAIN_TIMEOUT_S,
    maintain_leaderboard_periods,
    note_leaderboards_in_use,
)
from shared.operations.leaderboards.period_finish import PeriodFinish
from shared.operations.leaderboards.ranking_build import BUILD_INTERVAL_S, RankingBuilder
from shared.operations.leaderboards.ranking_check import CHECK_INTERVAL_S, READ_TIMEOUT_S, RankingCheck
from shared.operations.leaderboards.ranking_refresh import POLL_INTERVAL_S, STEP_TIMEOUT_S, RankingRefresh
from shared.operations.leaderboards.ranking_sync import (
    PAGE_TIMEOUT_S,
    PASS_TIMEOUT_S,
    SYNC_INTERVAL_S,
    CatalogueInUse,
    RankingSync,
)
from shared.operations.redis_prefix import identify, prefix_problem
from shared.postgres.database import Database
from shared.postgres.player_sweeps import PERIOD_FINISH, RANKING_REFRESH
from shared.rpc.encoded_catalogue import EncodedCatalogue
from shared.runtime.clocks import Clocks
from shared.runtime.process_name import ProcessName
from shared.runtime.service import Process
from shared.runtime.start_refused import StartRefused
from shared.wiring.sweep_telemetry import show_sweep

IDENTIFY_TIMEOUT_S = 2.0
LEAVE_TIMEOUT_S = 0.5
CLEAR_INTERVAL_S = 3_600.0
"""Keys of another release are rarely there, and finding them reads the names of all keys in Redis."""


class LeaderboardCache(NamedTuple):
    """Access of a process to leaderboards in Redis. All but `sync` are None where there is no Redis."""

    sync: RankingSync
    cache: Cache | None = None
    rankings: RankingCache | None = None
    markers: RankingMarkers | None = None


def open_leaderboard_cache(
    cache: Cache | None, database: Database, catalogue: CatalogueInUse, process: Process, known_boards: KnownBoards
) -> LeaderboardCache:
    """Start the sync duty. Without Redis it only bounds the journal.

    Raise `StartRefused` if the database is known to have another prefix of keys in Redis.
    """
    if cache is None:
        opened = LeaderboardCache(RankingSync(database, catalogue, process.clock, known_boards=known_boards))
    else:
        _check_prefix(cache, database)
        markers, started = RankingMarkers(cache), process.clock()
        rankings = RankingCache(cache, markers, CacheTelemetry(process.telemetry, cache))
        sync = RankingSync(database, catalogue, process.clock, rankings, markers, known_boards)
        opened = LeaderboardCache(sync, cache, rankings, markers)
        process.telemetry.gauge(
            "leaderboard_lag_seconds",
            "Age of the oldest score that may be missing in Redis.",
            lambda: (process.clock() - (opened.sync.fresh_at or started)) / SECOND,
        )
    # Registered before the duty and all that changes scores, so it happens after them.
    process.lifecycle.on_stop("leaderboards of others", partial(_leave, opened.sync))
    process.duties.start("sync leaderboards", SYNC_INTERVAL_S, opened.sync.one_pass, pass_s=PASS_TIMEOUT_S)
    return opened


def _leave(sync: RankingSync) -> None:
    # Without the database nothing is left to say: a sweep or a comparison finds the differences later.
    with suppress(ChallengeError):
        sync.known_boards.leave(time.monotonic() + LEAVE_TIMEOUT_S)


def _check_prefix(cache: Cache, database: Database) -> None:
    try:
        problem = prefix_problem(identify(database, cache.prefix, time.monotonic() + IDENTIFY_TIMEOUT_S), cache.prefix)
    except ChallengeError:
        # The database is not available. The sync duty checks the prefix before it uses Redis.
        return
    if problem is not None:
        raise StartRefused(problem)


def _clear_old_keys(cache: Cache) -> None:
    # Without Redis there is nothing to do.
    with suppress(CacheUnavailable, CacheRefused):
        clear_old_format(cache, cache.prefix)


def start_ranking_duties(
    opened: LeaderboardCache, database: Database, catalogue: CatalogueInUse, process: Process
) -> None:
    """Start the duties that build rankings in Redis, compare samples, and clear old keys; none without Redis."""
    if opened.cache is None or opened.rankings is None or opened.markers is None:
        return
    stopping = threading.Event()
    builder = RankingBuilder(database, catalogue, opened.cache, opened.rankings, opened.markers, stopping)
    process.duties.start("build leaderboards", BUILD_INTERVAL_S, builder.one_pass, pass_s=PAGE_TIMEOUT_S)
    cleared = partial(_clear_old_keys, opened.cache)
    process.duties.start("clear old keys in Redis", CLEAR_INTERVAL_S, cleared)
    check = RankingCheck(database, catalogue, opened.rankings, random.Random(), stopping.wait)  # noqa: S311 - a sample
    process.duties.start("check leaderboards", CHECK_INTERVAL_S, check.one_pass, pass_s=READ_TIMEOUT_S)
    # Registered last, so it is set first, before the duties that check it are stopped.
    process.lifecycle.on_stop("leaderboard duties", stopping.set)
    process.telemetry.gauge(
        "leaderboard_differences",
        "Scores that differed in Redis when a sample was last compared.",
        lambda: check.differences,
    )
    process.telemetry.gauge(
        "leaderboard_compared", "Scores that were compared with Redis in the last sample.", lambda: check.compared
    )


def start_period_maintenance(
    live: LiveCatalogue[Catalogue], database: Database, horizon: EventHorizon, clocks: Clocks, process: Process
) -> None:
    """Start the duties that open periods and make them final. While the clocks differ, nothing is made final."""
    stopping = threading.Event()
    finish = PeriodFinish(database, str(ProcessName()), clocks.earliest, stopping.wait)
    show_sweep(process, PERIOD_FINISH, finish)
    finished = process.telemetry.counter("leaderboard_periods_finished", "Rankings made final.")

    def finish_periods() -> None:
        if live.in_use is not None and clocks.wait_until_compared() and clocks.agreed:
            finished.inc(finish.one_pass(horizon.window.horizon, clocks.earliest()))

    def one_pass() -> None:
        in_use = live.in_use
        if in_use is not None and clocks.wait_until_compared():
            now, accepted_age = clocks.earliest(), horizon.window.horizon
            deadline = time.monotonic() + MAINTAIN_TIMEOUT_S
            maintain_leaderboard_periods(database, in_use.prepared, accepted_age, now, deadline)

    process.duties.start("maintain leaderboard periods", MAINTAIN_INTERVAL_S, one_pass, pass_s=MAINTAIN_TIMEOUT_S)
    process.duties.start("finish period", MAINTAIN_INTERVAL_S, finish_periods, pass_s=STEP_TIMEOUT_S)
    # Stopped before the duty, which then ends after the current step.
    process.lifecycle.on_stop("leaderboard periods", stopping.set)


def start_ranking_refresh(
    live: LiveCatalogue[EncodedCatalogue], database: Database, clocks: Clocks, process: Process
) -> None:
    """Start two duties: one records which leaderboards this process uses, one updates the rankings in the database."""

    def note_in_use() -> None:
        in_use = live.in_use
        if in_use is not None:
            note_leaderboards_in_use(
                database, in_use.prepared.catalogue, clocks.earliest(), time.monotonic() + MAINTAIN_TIMEOUT_S
            )

    process.duties.start("note leaderboards in use", MAINTAIN_INTERVAL_S, note_in_use, pass_s=MAINTAIN_TIMEOUT_S)
    stopping = threading.Event()
    refresh = RankingRefresh(database, clocks.earliest, process.telemetry, str(ProcessName()), stopping.wait)
    show_sweep(process, RANKING_REFRESH, refresh)
    process.duties.start("refresh ranking", POLL_INTERVAL_S, refresh.one_pass, pass_s=STEP_TIMEOUT_S)
    # Stopped before the duty, which then ends after the current step.
    process.lifecycle.on_stop("ranking", stopping.set)
