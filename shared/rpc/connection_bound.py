"""The bound on a server's connections, which gRPC does not have.

An idle connection takes 20 KiB and a descriptor. Without descriptors no new caller is accepted, and no connection to
the database can be opened. So beyond a maximum, and before descriptors run out, the connections that have been silent
the longest are ended. A caller whose connection was idle does not notice: its library opens another one with its next
call.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Sequence
from contextlib import closing
from functools import partial

from shared.rpc.accepted_connections import DESCRIPTORS, AcceptedConnections, SpareDescriptor
from shared.runtime.descriptors import descriptors_max
from shared.runtime.duties import every
from shared.runtime.telemetry import Telemetry

log = logging.getLogger(__name__)

INTERVAL_S = 0.25
ENDED_AT_ONCE = 10
"""One in this many of the connections that there may be is ended beyond the excess: a search takes 10 µs for each."""


class ConnectionBound:
    """Keeps the number of connections of a server bounded, in a thread of its own."""

    def __init__(self, connections: AcceptedConnections, connections_max: int, telemetry: Telemetry) -> None:
        """`connections_max` counts unless half of the descriptors are fewer."""
        self._connections = connections
        self._connections_max = connections_max
        self._ended = telemetry.counter("rpc_connections_ended", "Connections ended because there were too many.").inc
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="connections", daemon=True)

    def start(self) -> None:
        """Start watching."""
        self._thread.start()

    def stop(self) -> None:
        """Stop watching."""
        self._stopped.set()
        self._thread.join()

    def _watch(self) -> None:
        with closing(SpareDescriptor()) as spare:
            every(INTERVAL_S, partial(self._one_pass, spare), self._stopped)

    def _one_pass(self, spare: SpareDescriptor) -> None:
        most = min(self._connections_max, descriptors_max() // 2)
        # Most of the time all descriptors together are fewer than the connections that there may be.
        descriptors = _open_descriptors()
        if len(descriptors) > most:
            ended = self._connections.end_silent(descriptors, most, most // ENDED_AT_ONCE, spare)
            if ended:
                self._ended(ended)
                log.warning("too many connections", extra={"ended": ended, "connections_max": most})


def _open_descriptors() -> Sequence[int]:
    """Return the open descriptors; all possible ones if there is none left for the question."""
    try:
        return [int(name) for name in os.listdir(DESCRIPTORS)]
    except OSError:
        return range(descriptors_max())
