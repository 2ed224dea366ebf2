"""The duty that opens periods of leaderboards and makes ended ones final."""

from __future__ import annotations

import time

from shared.domain.catalogue import Catalogue
from shared.operations.catalogue.live_catalogue import LiveCatalogue
from shared.operations.events.event_horizon import EventHorizon
from shared.operations.leaderboards.leaderboard_periods import (
    FINISH_TIMEOUT_S,
    MAINTAIN_INTERVAL_S,
    MAINTAIN_TIMEOUT_S,
    finish_leaderboard_periods,
    maintain_leaderboard_periods,
)
from shared.postgres.database import Database
from shared.postgres.long_work import STOP_S, LongWork
from shared.runtime.clocks import Clocks
from shared.runtime.lifecycle import STEP_TIMEOUT_S
from shared.runtime.service import Process


def start_period_maintenance(
    live: LiveCatalogue[Catalogue], database: Database, horizon: EventHorizon, clocks: Clocks, process: Process
) -> None:
    """Start the duty. While the clocks differ, it makes nothing final."""
    work = LongWork(database, FINISH_TIMEOUT_S)
    finished = process.telemetry.counter("leaderboard_periods_finished", "Rankings made final.")

    def one_pass() -> None:
        in_use = live.in_use
        if in_use is not None and clocks.wait_until_compared():
            now, accepted_age = clocks.earliest(), horizon.window.horizon
            deadline = time.monotonic() + MAINTAIN_TIMEOUT_S
            maintain_leaderboard_periods(database, in_use.prepared, accepted_age, now, deadline)
            if clocks.agreed:
                finished.inc(finish_leaderboard_periods(work, accepted_age, now))

    process.duties.start("maintain leaderboard periods", MAINTAIN_INTERVAL_S, one_pass, pass_s=MAINTAIN_TIMEOUT_S)
    # Registered after the duty, so stopped before it: copying a ranking would delay the shutdown.
    process.lifecycle.on_stop("leaderboard periods", work.stop, timeout_s=STOP_S + STEP_TIMEOUT_S)
