"""The duty that carries old completions forward."""

from __future__ import annotations

import threading

from shared.domain.catalogue import Catalogue
from shared.domain.instant import Microseconds
from shared.operations.catalogue.live_catalogue import LiveCatalogue
from shared.operations.goals.retain_completions import RETAIN_INTERVAL_S, STEP_TIMEOUT_S, CompletionRetention
from shared.postgres.database import Database
from shared.runtime.clocks import Clocks
from shared.runtime.service import Process


def start_completion_retention(
    live: LiveCatalogue[Catalogue], database: Database, retention: Microseconds, clocks: Clocks, process: Process
) -> None:
    """Start the duty. While the clocks differ, it does nothing."""
    stopping = threading.Event()
    keeping = CompletionRetention(database, retention, stopping.wait)
    carried = process.telemetry.counter("completions_carried_forward", "Completions of past periods carried forward.")

    def one_pass() -> None:
        in_use = live.in_use
        if in_use is not None and clocks.wait_until_compared() and clocks.agreed:
            carried.inc(keeping.one_pass(in_use.prepared, clocks.earliest()))

    process.duties.start("carry completions forward", RETAIN_INTERVAL_S, one_pass, pass_s=STEP_TIMEOUT_S)
    # Stopped before the duty, which then ends after the current step.
    process.lifecycle.on_stop("retention", stopping.set)
