"""The duties for the rankings in the database, which serve reads of leaderboards without Redis."""

from __future__ import annotations

import time

from shared.operations.catalogue.live_catalogue import LiveCatalogue
from shared.operations.leaderboards.leaderboard_periods import (
    MAINTAIN_INTERVAL_S,
    MAINTAIN_TIMEOUT_S,
    note_leaderboards_in_use,
)
from shared.operations.leaderboards.ranking_refresh import POLL_INTERVAL_S, POLL_TIMEOUT_S, RankingRefresh
from shared.postgres.database import Database
from shared.postgres.long_work import STOP_S
from shared.rpc.encoded_catalogue import EncodedCatalogue
from shared.runtime.clocks import Clocks
from shared.runtime.lifecycle import STEP_TIMEOUT_S
from shared.runtime.service import Process


def start_ranking_refresh(
    live: LiveCatalogue[EncodedCatalogue], database: Database, clocks: Clocks, process: Process
) -> None:
    """Start to note which leaderboards this process uses, and to refresh their rankings when enough has changed."""

    def note_in_use() -> None:
        in_use = live.in_use
        if in_use is not None:
            note_leaderboards_in_use(
                database, in_use.prepared.catalogue, clocks.earliest(), time.monotonic() + MAINTAIN_TIMEOUT_S
            )

    process.duties.start("note leaderboards in use", MAINTAIN_INTERVAL_S, note_in_use, pass_s=MAINTAIN_TIMEOUT_S)
    refresh = RankingRefresh(database, process.clock, process.telemetry)
    process.duties.start("refresh ranking", POLL_INTERVAL_S, refresh.one_pass, pass_s=POLL_TIMEOUT_S)
    # Registered after the duty, so stopped before it: a refresh under way would delay the shutdown.
    process.lifecycle.on_stop("ranking", refresh.stop, timeout_s=STOP_S + STEP_TIMEOUT_S)
