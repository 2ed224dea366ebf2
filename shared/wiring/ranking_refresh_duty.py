"""The duties that keep the ranking in the database, which answers about leaderboards without Redis."""

from __future__ import annotations

import time

from shared.operations.catalogue.live_catalogue import LiveCatalogue
from shared.operations.leaderboards.leaderboard_periods import KEEP_INTERVAL_S, KEEP_S, want_boards
from shared.operations.leaderboards.ranking_refresh import LOOK_INTERVAL_S, LOOK_S, RankingRefresh
from shared.postgres.database import Database
from shared.postgres.long_work import STOP_S
from shared.rpc.encoded_catalogue import EncodedCatalogue
from shared.runtime.clock import system_clock
from shared.runtime.lifecycle import STEP_TIMEOUT_S
from shared.runtime.service import Process


def start_ranking(live: LiveCatalogue[EncodedCatalogue], database: Database, process: Process) -> None:
    """Say which boards are in use here, and rank them anew whenever enough has changed."""

    def want() -> None:
        in_use = live.in_use
        if in_use is not None:
            want_boards(database, in_use.prepared.catalogue, system_clock(), time.monotonic() + KEEP_S)

    process.duties.start("want leaderboards", KEEP_INTERVAL_S, want, timeout_s=KEEP_S + STEP_TIMEOUT_S)
    refresh = RankingRefresh(database, system_clock, process.telemetry)
    process.duties.start("refresh ranking", LOOK_INTERVAL_S, refresh.one_pass, timeout_s=LOOK_S + STEP_TIMEOUT_S)
    # Started after the duty, so stopped before it: a refresh that is under way would hold up the end.
    process.lifecycle.on_stop("ranking", refresh.stop, timeout_s=STOP_S + STEP_TIMEOUT_S)
