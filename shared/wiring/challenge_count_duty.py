"""The duty that counts players per challenge."""

from __future__ import annotations

import threading
import time

from shared.domain.instant import SECOND
from shared.operations.catalogue.live_catalogue import LiveCatalogue
from shared.operations.statistics.challenge_reports import COUNT_INTERVAL_S, count_challenges, last_count_time
from shared.postgres.database import Database
from shared.rpc.encoded_catalogue import EncodedCatalogue
from shared.runtime.service import Process

READ_TIMEOUT_S = 2.0
RANGE_TIMEOUT_S = 10.0
"""Much longer than the count of one range of players takes."""


def start_challenge_counting(catalogue: LiveCatalogue[EncodedCatalogue], database: Database, process: Process) -> None:
    """Count challenges in the background, and export when any process last counted them."""
    counted_s = 0.0
    stopping = threading.Event()
    process.telemetry.gauge(
        "challenge_report_timestamp_seconds",
        "When challenges were last counted, in seconds since 1970.",
        lambda: counted_s,
    )

    def one_pass() -> None:
        nonlocal counted_s
        in_use = catalogue.in_use
        if in_use is None:
            return
        count_challenges(database, in_use.prepared.catalogue, process.clock(), rest=stopping.wait)
        counted_s = (last_count_time(database, time.monotonic() + READ_TIMEOUT_S) or 0) / SECOND

    process.duties.start("count challenges", COUNT_INTERVAL_S, one_pass, pass_s=RANGE_TIMEOUT_S)
    # Stopped before the duty, which then ends after the current range of players.
    process.lifecycle.on_stop("counting", stopping.set)
