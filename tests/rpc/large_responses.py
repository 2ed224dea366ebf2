"""Large responses, with which a caller that does not read fills its connection."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from shared.runtime.telemetry import Telemetry
from tests.support.raw_caller import RawCaller
from tests.support.waiting import wait_until

MIB = 1024 * 1024


class LargeResponses:
    """A method that responds with a MiB."""

    def __init__(self) -> None:
        self.count = 0
        """Number of responses."""
        self._raw = bytes(MIB)

    def respond(self, _request: object, _context: object) -> bytes:
        """Return the response."""
        self.count += 1
        return self._raw

    def fill(self, callers: Sequence[RawCaller], path: str, telemetry: Telemetry) -> None:
        """Make calls by callers in turn, one call at a time, until the server refuses one because they do not read."""

        def refused() -> float:
            return telemetry.registry.get_sample_value("rpc_slow_callers_total", {"reason": "unread"}) or 0

        for caller in itertools.cycle(callers):
            before = self.count
            caller.send(caller.open(path), b"")
            wait_until(lambda before=before: refused() or self.count > before)  # type: ignore[misc]
            if refused():
                return
