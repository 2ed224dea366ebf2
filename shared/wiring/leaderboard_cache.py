"""Leaderboards in Redis as a part of a process: what is opened, and the duties that keep it complete."""

from __future__ import annotations

import random
import threading
from typing import NamedTuple

from shared.cache.cache_telemetry import CacheTelemetry
from shared.cache.ranking_markers import RankingMarkers
from shared.cache.rankings import RankingCache
from shared.cache.redis import Cache
from shared.domain.instant import SECOND
from shared.operations.leaderboards.ranking_build import BUILD_INTERVAL_S, RankingBuilder
from shared.operations.leaderboards.ranking_check import CHECK_INTERVAL_S, READ_S, RankingCheck
from shared.operations.leaderboards.ranking_sync import PASS_S, SYNC_INTERVAL_S, CatalogueInUse, RankingSync
from shared.operations.leaderboards.score_pages import PORTION_S
from shared.postgres.database import Database
from shared.runtime.clock import system_clock
from shared.runtime.lifecycle import STEP_TIMEOUT_S
from shared.runtime.service import Process


class LeaderboardCache(NamedTuple):
    """Leaderboards as this process sees them in Redis; nothing where there is no Redis."""

    sync: RankingSync
    cache: Cache | None = None
    boards: RankingCache | None = None
    markers: RankingMarkers | None = None


def open_leaderboard_cache(
    cache: Cache | None, database: Database, catalogue: CatalogueInUse, process: Process
) -> LeaderboardCache:
    """Begin to keep rankings in Redis complete; without Redis, to keep the journal of changes bounded."""
    if cache is None:
        opened = LeaderboardCache(RankingSync(database, catalogue, system_clock))
    else:
        markers, started = RankingMarkers(cache), system_clock()
        boards = RankingCache(cache, markers, CacheTelemetry(process.telemetry, cache))
        opened = LeaderboardCache(
            RankingSync(database, catalogue, system_clock, boards, markers), cache, boards, markers
        )
        process.telemetry.gauge(
            "leaderboard_lag_seconds",
            "For how long scores may have been missing in Redis.",
            lambda: (system_clock() - (opened.sync.fresh_at or started)) / SECOND,
        )
    process.duties.start("sync leaderboards", SYNC_INTERVAL_S, opened.sync.one_pass, timeout_s=PASS_S + STEP_TIMEOUT_S)
    return opened


def start_ranking_duties(
    opened: LeaderboardCache, database: Database, catalogue: CatalogueInUse, process: Process
) -> None:
    """Begin to build rankings that Redis lacks, and to check those that it has."""
    if opened.cache is None or opened.boards is None or opened.markers is None:
        return
    stopping = threading.Event()
    builder = RankingBuilder(database, catalogue, opened.cache, opened.boards, opened.markers, stopping)
    process.duties.start("build leaderboards", BUILD_INTERVAL_S, builder.one_pass, timeout_s=PORTION_S + STEP_TIMEOUT_S)
    check = RankingCheck(database, catalogue, opened.boards, random.Random(), stopping.wait)  # noqa: S311 - a sample
    process.duties.start("check leaderboards", CHECK_INTERVAL_S, check.one_pass, timeout_s=READ_S + STEP_TIMEOUT_S)
    # Started last, so stopped first: both look at it.
    process.lifecycle.on_stop("leaderboard duties", stopping.set)
    process.telemetry.gauge(
        "leaderboard_differences", "Scores that Redis had otherwise, of all compared.", lambda: check.differences
    )
    process.telemetry.gauge("leaderboard_compared", "Scores that were compared.", lambda: check.compared)
