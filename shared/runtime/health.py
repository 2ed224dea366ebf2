"""Whether the process can serve: probes, and what they mean for each name that callers ask for.

A name is a service, a single probe, or "" for the process as a whole. Probes run as duties, each in its own loop.
Asking never waits for one: the answer is what the probe found last, and a probe that has found nothing for a while
counts as unwell.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

log = logging.getLogger(__name__)

PROBE_INTERVAL_S = 1.0

STALE_S = 4.0
"""A probe that has not come back for so long hangs; together with the interval, an outage shows within 5 s."""

_NOT_PROBED = "not probed yet"


@dataclass(frozen=True)
class _Finding:
    reason: str | None
    """None: well."""
    at: float


class Health:
    """What is known about the process. It begins as not serving, until every decisive probe has found it well."""

    def __init__(self, services: Sequence[str], monotonic: Callable[[], float] = time.monotonic) -> None:
        self._services = frozenset(services) | {""}
        self._monotonic = monotonic
        self._findings: dict[str, _Finding] = {}
        self._decisive: set[str] = set()
        self._leaving = False
        self._changed = threading.Condition()
        self._version = 0

    def add_probe(self, name: str, probe: Callable[[], str | None], *, decisive: bool = True) -> Callable[[], None]:
        """Adds a probe, which answers None for well and else the reason; returns its pass, to be run as a duty.

        A decisive probe that is not well makes the process and its services NOT_SERVING; any other only its own name.
        A probe sets its own time limit, shorter than `STALE_S`.
        """
        self._findings[name] = _Finding(_NOT_PROBED, self._monotonic())
        if decisive:
            self._decisive.add(name)

        def one_pass() -> None:
            try:
                reason = probe()
            except Exception as error:
                self._found(name, f"the probe failed: {type(error).__name__}")
                raise
            self._found(name, reason)

        return one_pass

    def serving(self, name: str) -> bool | None:
        """Whether `name` serves; None if there is no such name."""
        if name in self._services:
            return not self._leaving and all(self._well(probe) for probe in self._decisive)
        if name in self._findings:
            return not self._leaving and self._well(name)
        return None

    def changes(self, name: str, watched: Callable[[], bool]) -> Iterator[bool | None]:
        """What `serving` answers, now and whenever it changes, until the process leaves or `watched` says no."""
        shown: object = self
        while watched():
            version, leaving, serving = self._version, self._leaving, self.serving(name)
            if serving is not shown:
                shown = serving
                yield serving
            if leaving:
                return
            with self._changed:
                if self._version == version:
                    # Looks again by itself, because a probe that hangs and a caller that went away tell nobody.
                    self._changed.wait(PROBE_INTERVAL_S)

    def leave(self) -> None:
        """From here on nothing serves any more."""
        self._leaving = True
        self._tell()

    def _well(self, probe: str) -> bool:
        finding = self._findings[probe]
        return finding.reason is None and self._monotonic() - finding.at < STALE_S

    def _found(self, name: str, reason: str | None) -> None:
        before = self._findings[name].reason
        self._findings[name] = _Finding(reason, self._monotonic())
        if reason == before:
            return
        if reason is None:
            log.info("well", extra={"probe": name})
        else:
            log.warning("unwell", extra={"probe": name, "reason": reason, "decisive": name in self._decisive})
        self._tell()

    def _tell(self) -> None:
        with self._changed:
            self._version += 1
            self._changed.notify_all()
