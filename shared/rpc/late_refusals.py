"""Delayed refusals, for callers beyond their limits.

A refusal costs 0.1 ms of CPU. A caller that sends a refused call again at once could keep a worker busy with refusing,
and take from others what its limit protects. The number of calls on a connection is bounded, and with it the number of
refusals in `DELAY_S`.
"""

from __future__ import annotations

import logging
import threading
import time
from queue import SimpleQueue

import grpc

from shared.rpc.grpc_internals import ServerCall

log = logging.getLogger(__name__)

DELAY_S = 0.1
"""Delay in seconds: shorter than most delays that `RetryInfo` names."""
HELD_MAX = 2_000
"""Calls that wait for their refusal, a few kilobytes each. One more is refused at once."""


class LateRefusals:
    """The calls that wait for their refusal, and the thread that ends them."""

    def __init__(self) -> None:
        self._held: SimpleQueue[tuple[float, ServerCall, grpc.Status] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="refusals", daemon=True)

    def start(self) -> None:
        """Start."""
        self._thread.start()

    def stop(self) -> None:
        """End what waits, and stop."""
        self._held.put(None)
        self._thread.join()

    def refuse(self, call: ServerCall, status: grpc.Status) -> None:
        """End a call after the delay. Never waits."""
        if self._held.qsize() >= HELD_MAX:
            call.end(status)
        else:
            self._held.put((time.monotonic() + DELAY_S, call, status))

    def _run(self) -> None:
        # All wait equally long, so the first is always due first.
        while (held := self._held.get()) is not None:
            due, call, status = held
            del held
            time.sleep(max(0.0, due - time.monotonic()))
            try:
                call.end(status)
            except Exception:
                log.exception("unhandled exception while refusing a call")
            del call
