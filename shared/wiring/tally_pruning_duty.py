"""The duty that deletes tallies of periods that are over for good."""

from __future__ import annotations

import threading

from shared.domain.catalogue import Catalogue
from shared.operations.catalogue.live_catalogue import LiveCatalogue
from shared.operations.events.event_horizon import EventHorizon
from shared.operations.events.prune_tallies import PRUNE_INTERVAL_S, RANGE_TIMEOUT_S, TallyPruning
from shared.postgres.database import Database
from shared.runtime.clocks import Clocks
from shared.runtime.service import Process


def start_tally_pruning(
    live: LiveCatalogue[Catalogue], database: Database, horizon: EventHorizon, clocks: Clocks, process: Process
) -> None:
    """Start the duty. While the clocks differ or the horizons of other handlers are unknown, it deletes nothing."""
    stopping = threading.Event()
    pruning = TallyPruning(database, stopping.wait)
    pruned = process.telemetry.counter("tallies_pruned", "Tallies of past periods deleted.")

    def one_pass() -> None:
        in_use = live.in_use
        if in_use is not None and clocks.wait_until_compared() and clocks.agreed and horizon.known:
            pruned.inc(pruning.one_pass(in_use.prepared, horizon.window.horizon, clocks.earliest()))

    process.duties.start("prune tallies", PRUNE_INTERVAL_S, one_pass, pass_s=RANGE_TIMEOUT_S)
    # Stopped before the duty, which then ends after the current range of players.
    process.lifecycle.on_stop("pruning", stopping.set)
