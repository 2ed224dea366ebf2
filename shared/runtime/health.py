"""Health of the process: probes, and the names that callers ask for.

A name is a service, a single probe, or "" for the process as a whole. Probes run as duties, each in its own loop.
Asking never waits for a probe: the last result counts, and a probe without a recent result counts as failing.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from prometheus_client import Gauge

log = logging.getLogger(__name__)

PROBE_INTERVAL_S = 1.0

STALE_S = 4.0
"""Age in seconds at which a result is out of date: the probe hangs. With the interval, an outage shows within 5 s."""

_NOT_PROBED = "not probed yet"


@dataclass(frozen=True)
class _Result:
    reason: str | None
    """None while the probe succeeds."""
    at: float


class Health:
    """The health of the process: not serving until every decisive probe has succeeded."""

    def __init__(self, services: Sequence[str], monotonic: Callable[[], float] = time.monotonic) -> None:
        self._services = frozenset(services) | {""}
        self._monotonic = monotonic
        self._results: dict[str, _Result] = {}
        self._decisive: set[str] = set()
        self.problems: Gauge | None = None
        """Shows which probes fail, by name, if it is set before they are added."""
        self._leaving = False
        self._left = False
        self._changed = threading.Condition()
        self._version = 0

    def add_probe(self, name: str, probe: Callable[[], str | None], *, decisive: bool = True) -> Callable[[], None]:
        """Add a probe, and return its pass to be run as a duty.

        The probe returns None if all is well and otherwise the reason. A decisive probe that fails makes the process
        and its services NOT_SERVING; any other only its own name. A probe has a time limit, shorter than `STALE_S`.
        """
        self._results[name] = _Result(_NOT_PROBED, self._monotonic())
        if decisive:
            self._decisive.add(name)
        if self.problems is not None:
            self.problems.labels(name).set_function(lambda: float(not self._is_well(name)))

        def one_pass() -> None:
            try:
                reason = probe()
            except Exception as error:
                self._record(name, f"unhandled exception in the probe: {type(error).__name__}")
                raise
            self._record(name, reason)

        return one_pass

    def serving(self, name: str) -> bool | None:
        """Return whether `name` serves; None if there is no such name."""
        if name in self._services:
            return not self._leaving and all(self._is_well(probe) for probe in self._decisive)
        if name in self._results:
            return not self._leaving and self._is_well(name)
        return None

    def not_serving_because(self) -> str:
        """Return the failing decisive probes by name, for people."""
        if self._leaving:
            return "stopping"
        return ", ".join(sorted(probe for probe in self._decisive if not self._is_well(probe))) or "recovering"

    def changes(self, name: str, watched: Callable[[], bool]) -> Iterator[bool | None]:
        """Yield the result of `serving`, now and after each change, until watches end or `watched` is false."""
        shown: object = self
        while watched():
            version, left, serving = self._version, self._left, self.serving(name)
            if serving is not shown:
                shown = serving
                yield serving
            if left:
                return
            with self._changed:
                if self._version == version:
                    # Wake up without a notification: a probe that hangs and a caller that went away send none.
                    self._changed.wait(PROBE_INTERVAL_S)

    def wake(self) -> None:
        """Let `changes` look at once whether it is still watched."""
        with self._changed:
            self._changed.notify_all()

    def leave(self) -> None:
        """Stop serving, for good. Watches stay open: callers that were ended here would watch again at once."""
        self._leaving = True
        self._tell()

    def end_watches(self) -> None:
        """End `changes`, after `leave`, once it has yielded the last change."""
        self._left = True
        self._tell()

    def _is_well(self, probe: str) -> bool:
        result = self._results[probe]
        return result.reason is None and self._monotonic() - result.at < STALE_S

    def _record(self, name: str, reason: str | None) -> None:
        """Keep a probe's result, and log it and tell watchers if it changed."""
        before = self._results[name].reason
        self._results[name] = _Result(reason, self._monotonic())
        if reason == before:
            return
        if reason is None:
            log.info("probe recovered", extra={"probe": name})
        else:
            log.warning("probe failing", extra={"probe": name, "reason": reason, "decisive": name in self._decisive})
        self._tell()

    def _tell(self) -> None:
        with self._changed:
            self._version += 1
            self._changed.notify_all()
