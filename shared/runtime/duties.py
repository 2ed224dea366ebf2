"""Background duties: a duty is a function that does one pass and returns; the loop around it is here.

`docs/operations.md` lists every duty with its host, its interval, its lock and its metric.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from shared.runtime.lifecycle import STEP_TIMEOUT_S, Lifecycle
from shared.runtime.telemetry import Telemetry

log = logging.getLogger(__name__)


def every(interval_s: float, one_pass: Callable[[], object], stopping: threading.Event) -> None:
    """Run a pass at once, and again `interval_s` after the end of each, until `stopping` is set."""
    while not stopping.is_set():
        one_pass()
        stopping.wait(interval_s)


class Duties:
    """The background duties of a process, each in its own thread, so that one that hangs delays no other."""

    def __init__(self, lifecycle: Lifecycle, telemetry: Telemetry) -> None:
        self._lifecycle = lifecycle
        self._passes = telemetry.counter("duty_passes", "Passes of background duties.", labels=("duty", "outcome"))
        self._unfinished = telemetry.labelled_gauge(
            "duty_unfinished_seconds",
            "Time since a duty over all players last had nothing left to do in any process.",
            labels=("duty",),
        )
        self._visited = telemetry.labelled_gauge(
            "duty_sweep_visited",
            "Players that the sweep of a duty has visited; 0 while there is none.",
            labels=("duty",),
        )
        self._players = telemetry.labelled_gauge(
            "duty_sweep_players", "Players that the last complete sweep of a duty visited.", labels=("duty",)
        )

    def start(self, name: str, interval_s: float, one_pass: Callable[[], object], *, pass_s: float = 0.0) -> None:
        """Run `one_pass` every `interval_s` until the process stops, which waits for the running pass.

        It waits for `pass_s`, the time limit of what a pass does, and the usual time of a part to stop. A pass that
        raises is logged and counted (`duty_passes_total{outcome="failed"}`), and the loop goes on.
        """
        stopping = threading.Event()
        duty = _Duty(name, one_pass, self._passes.labels(name, "done").inc, self._passes.labels(name, "failed").inc)
        thread = threading.Thread(target=every, args=(interval_s, duty.one_pass, stopping), name=name, daemon=True)

        def stop() -> None:
            stopping.set()
            thread.join()

        thread.start()
        self._lifecycle.on_stop(name, stop, timeout_s=pass_s + STEP_TIMEOUT_S)

    def show_sweep(
        self, name: str, unfinished_s: Callable[[], float], visited: Callable[[], float], players: Callable[[], float]
    ) -> None:
        """Export how far a duty over all players came. The functions are called at each scrape and must not block."""
        self._unfinished.labels(name).set_function(unfinished_s)
        self._visited.labels(name).set_function(visited)
        self._players.labels(name).set_function(players)


class _Duty:
    """One pass that never raises.

    Of consecutive failures only the first is logged, with its traceback, so that an outage of an hour does not fill the
    log. The counter has them all.
    """

    def __init__(
        self, name: str, one_pass: Callable[[], object], done: Callable[[], None], failed: Callable[[], None]
    ) -> None:
        self._name = name
        self._one_pass = one_pass
        self._done = done
        self._failed = failed
        self._failing = False

    def one_pass(self) -> None:
        try:
            self._one_pass()
        except Exception:
            self._failed()
            if not self._failing:
                log.exception("duty failed", extra={"duty": self._name})
            self._failing = True
            return
        self._done()
        if self._failing:
            log.info("duty recovered", extra={"duty": self._name})
        self._failing = False
