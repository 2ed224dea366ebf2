"""The lag of the process, looked up now and then: a scrape must not wait for the broker."""

from __future__ import annotations

import math

from event_source.broker import Broker


class Lag:
    """The lag when it was last looked up."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._last = math.nan

    def refresh(self) -> None:
        """Ask the broker."""
        found = self._broker.lag()
        self._last = math.nan if found is None else float(found)

    def __call__(self) -> float:
        """Return the number of messages; NaN if it is not known."""
        return self._last
