"""Leaderboards in Redis as part of a process: what is opened, and the duties that keep it complete."""

from __future__ import annotations

import random
import threading
from typing import NamedTuple

from shared.cache.cache_telemetry import CacheTelemetry
from shared.cache.ranking_cache import RankingCache
from shared.cache.ranking_markers import RankingMarkers
from shared.cache.redis import Cache
from shared.domain.instant import SECOND
from shared.operations.leaderboards.ranking_build import BUILD_INTERVAL_S, RankingBuilder
from shared.operations.leaderboards.ranking_check import CHECK_INTERVAL_S, READ_TIMEOUT_S, RankingCheck
from shared.operations.leaderboards.ranking_sync import PASS_TIMEOUT_S, SYNC_INTERVAL_S, CatalogueInUse, RankingSync
from shared.operations.leaderboards.score_pages import PAGE_TIMEOUT_S
from shared.postgres.database import Database
from shared.runtime.clock import system_clock
from shared.runtime.lifecycle import STEP_TIMEOUT_S
from shared.runtime.service import Process


class LeaderboardCache(NamedTuple):
    """Access of a process to leaderboards in Redis. All but `sync` are None where there is no Redis."""

    sync: RankingSync
    cache: Cache | None = None
    rankings: RankingCache | None = None
    markers: RankingMarkers | None = None


def open_leaderboard_cache(
    cache: Cache | None, database: Database, catalogue: CatalogueInUse, process: Process
) -> LeaderboardCache:
    """Start the sync duty. Without Redis it only bounds the journal."""
    if cache is None:
        opened = LeaderboardCache(RankingSync(database, catalogue, system_clock))
    else:
        markers, started = RankingMarkers(cache), system_clock()
        rankings = RankingCache(cache, markers, CacheTelemetry(process.telemetry, cache))
        opened = LeaderboardCache(
            RankingSync(database, catalogue, system_clock, rankings, markers), cache, rankings, markers
        )
        process.telemetry.gauge(
            "leaderboard_lag_seconds",
            "Age of the oldest score that may be missing in Redis.",
            lambda: (system_clock() - (opened.sync.fresh_at or started)) / SECOND,
        )
    process.duties.start(
        "sync leaderboards", SYNC_INTERVAL_S, opened.sync.one_pass, timeout_s=PASS_TIMEOUT_S + STEP_TIMEOUT_S
    )
    return opened


def start_ranking_duties(
    opened: LeaderboardCache, database: Database, catalogue: CatalogueInUse, process: Process
) -> None:
    """Start the duties that build rankings in Redis and check them."""
    if opened.cache is None or opened.rankings is None or opened.markers is None:
        return
    stopping = threading.Event()
    builder = RankingBuilder(database, catalogue, opened.cache, opened.rankings, opened.markers, stopping)
    process.duties.start(
        "build leaderboards", BUILD_INTERVAL_S, builder.one_pass, timeout_s=PAGE_TIMEOUT_S + STEP_TIMEOUT_S
    )
    check = RankingCheck(database, catalogue, opened.rankings, random.Random(), stopping.wait)  # noqa: S311 - a sample
    process.duties.start(
        "check leaderboards", CHECK_INTERVAL_S, check.one_pass, timeout_s=READ_TIMEOUT_S + STEP_TIMEOUT_S
    )
    # Registered last, so it is set first, before the duties that check it are stopped.
    process.lifecycle.on_stop("leaderboard duties", stopping.set)
    process.telemetry.gauge(
        "leaderboard_differences", "Scores that differed in Redis, of all compared.", lambda: check.differences
    )
    process.telemetry.gauge("leaderboard_compared", "Scores compared with Redis.", lambda: check.compared)
