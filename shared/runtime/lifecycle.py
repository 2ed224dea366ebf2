"""The life of a process between its start and its signals: above all, how it stops.

Every part registers at its start how it is stopped; parts stop in reverse order. A composition root starts telemetry,
then the pool, then the batch writer, then the server, and reports itself healthy last. So the process first reports
NOT_SERVING, then accepts no new calls and waits for the running ones, then commits the last batch, closes the pool, and
sends its last telemetry. SIGHUP stops nothing: parts that can reload do so.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from shared.runtime.signals import let_next_signal_kill, wait_for_stop_signal

log = logging.getLogger(__name__)

STEP_TIMEOUT_S = 1.0
"""Default time limit of a step in seconds: the pool, the last batch and telemetry take milliseconds."""


@dataclass(frozen=True)
class _Step:
    name: str
    stop: Callable[[], object]
    timeout_s: float


class Lifecycle:
    """The started parts of a process.

    As a context manager it stops them at the end, also when the start itself fails halfway.
    """

    def __init__(self) -> None:
        self._steps: list[_Step] = []
        self._reloads: list[Callable[[], object]] = []
        self.stopped_cleanly = True
        """False once a step failed or overran its time."""

    def on_stop(self, name: str, stop: Callable[[], object], *, timeout_s: float = STEP_TIMEOUT_S) -> None:
        """Register how a part is stopped. The part registered last is stopped first."""
        self._steps.append(_Step(name, stop, timeout_s))

    def on_reload(self, reload: Callable[[], object]) -> None:
        """Register a function for SIGHUP. It is called in the main thread and must neither wait nor raise."""
        self._reloads.append(reload)

    def run_until_signalled(self, let_next_kill: Callable[[], object] = let_next_signal_kill) -> None:
        """Wait for SIGTERM or SIGINT, and have the next one kill the process. Main thread only."""
        number = wait_for_stop_signal(self._reload)
        let_next_kill()
        log.info("stopping", extra={"signal": number.name})

    def stop(self) -> None:
        """Stop every part, the last one first, each within its time limit. A part that fails does not keep the rest."""
        while self._steps:
            self._run(self._steps.pop())

    def _reload(self) -> None:
        log.info("reload requested")
        for reload in self._reloads:
            reload()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def _run(self, step: _Step) -> None:
        """Run a stop step in a thread of its own, and abandon it after its time limit."""
        failures: list[Exception] = []

        def run() -> None:
            try:
                step.stop()
            except Exception as error:
                failures.append(error)

        started = time.monotonic()
        # Each step has its own thread: a step that hangs cannot be interrupted, only abandoned.
        thread = threading.Thread(target=run, name=f"stop {step.name}", daemon=True)
        thread.start()
        thread.join(step.timeout_s)
        if thread.is_alive():
            self.stopped_cleanly = False
            log.error("part did not stop in time", extra={"step": step.name, "timeout_s": step.timeout_s})
        elif failures:
            self.stopped_cleanly = False
            log.error("part failed to stop", extra={"step": step.name}, exc_info=failures[0])
        else:
            log.info("part stopped", extra={"step": step.name, "seconds": round(time.monotonic() - started, 3)})
