"""Steps of `optimize` and a table of their outcomes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.progress import Progress

from admin.terminal import progress_bars, show
from shared.cache.redis import CacheRefused, CacheUnavailable
from shared.domain.errors import ChallengeError
from shared.postgres.maintenance.maintenance import MaintenanceRefused

Advance = Callable[[int], object]
"""Called with the number of further units that are done."""


class NotDone(Exception):
    """A step could not be done."""


_FAILURES = (NotDone, MaintenanceRefused, CacheUnavailable, CacheRefused, ChallengeError)


class Steps:
    """Does steps one after the other and keeps their outcomes. A dry run changes nothing."""

    def __init__(self, bars: Progress, *, dry: bool) -> None:
        self._bars = bars
        self._dry = dry
        self.outcomes: list[tuple[str, str, str]] = []
        self.complete = True
        """True if no step has failed."""

    def do(self, name: str, work: Callable[[Advance], str], total: int | None = None) -> None:
        """Do a step of `total` units, if that is known. `work` returns the outcome, or raises `NotDone`."""
        if self._dry:
            self.outcomes.append((name, "would be done", ""))
            return
        task = self._bars.add_task(name, total=total)
        started = time.monotonic()
        try:
            outcome = work(lambda units: self._bars.advance(task, units))
        except _FAILURES as failure:
            self.complete, outcome = False, f"not done: {_text(failure)}"
        self._bars.update(task, total=1, completed=1)
        self.outcomes.append((name, outcome, f"{time.monotonic() - started:.2f}"))

    def skip(self, name: str, why: str) -> None:
        """Note that there is nothing to do."""
        self.outcomes.append((name, why, ""))

    def fail(self, name: str, why: str) -> None:
        """Note that something has to be done, and cannot be."""
        self.complete = False
        self.skip(name, f"not done: {why}")


@contextmanager
def steps(*, dry: bool) -> Iterator[Steps]:
    """Yield an object that does steps, and print their outcomes at the end."""
    with progress_bars() as bars:
        taken = Steps(bars, dry=dry)
        try:
            yield taken
        except _FAILURES as failure:
            taken.fail("find out what else to do", _text(failure))
    show(("step", "outcome", "seconds"), taken.outcomes)


def _text(failure: Exception) -> str:
    return "Redis does not answer" if isinstance(failure, CacheUnavailable) else str(failure)
