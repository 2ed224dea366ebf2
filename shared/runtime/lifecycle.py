"""What a process does when it is signalled: above all, how it ends.

Every part says, when it is started, how it is stopped; stopping runs backwards. A composition root starts telemetry,
then the pool, then the batch writer, then the server, and says that it is healthy last. So the process first reports
NOT_SERVING, then takes no new calls and waits for those under way, then commits the last batch, closes the pool, and
sends its last telemetry. SIGHUP ends nothing: a part that can reload does so.
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
"""What a step may take if it does not say otherwise: the pool, the last batch and telemetry take milliseconds."""


@dataclass(frozen=True)
class _Step:
    name: str
    stop: Callable[[], object]
    timeout_s: float


class Lifecycle:
    """The parts of a process that were started. As a context manager it stops them on the way out, also when the
    start itself fails halfway."""

    def __init__(self) -> None:
        self._steps: list[_Step] = []
        self._reloads: list[Callable[[], object]] = []
        self.stopped_cleanly = True
        """False once a step failed or overran its time."""

    def on_stop(self, name: str, stop: Callable[[], object], *, timeout_s: float = STEP_TIMEOUT_S) -> None:
        """Registers how a part is stopped. The part registered last is stopped first."""
        self._steps.append(_Step(name, stop, timeout_s))

    def on_reload(self, reload: Callable[[], object]) -> None:
        """Registers what SIGHUP asks for. It is called in the main thread and must neither wait nor raise."""
        self._reloads.append(reload)

    def run_until_signalled(self, let_next_kill: Callable[[], object] = let_next_signal_kill) -> None:
        """Waits for SIGTERM or SIGINT, and then has whatever asks again kill the process. Main thread only."""
        number = wait_for_stop_signal(self._reload)
        let_next_kill()
        log.info("stopping", extra={"signal": number.name})

    def stop(self) -> None:
        """Stops every part, the last one first, each within its time; a part that fails does not stop the rest."""
        while self._steps:
            self._run(self._steps.pop())

    def _reload(self) -> None:
        log.info("asked to reload")
        for reload in self._reloads:
            reload()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def _run(self, step: _Step) -> None:
        failures: list[Exception] = []

        def run() -> None:
            try:
                step.stop()
            except Exception as error:
                failures.append(error)

        started = time.monotonic()
        # A thread of its own, because a step that hangs cannot be interrupted, only left behind.
        thread = threading.Thread(target=run, name=f"stop {step.name}", daemon=True)
        thread.start()
        thread.join(step.timeout_s)
        if thread.is_alive():
            self.stopped_cleanly = False
            log.error("did not stop in time", extra={"step": step.name, "timeout_s": step.timeout_s})
        elif failures:
            self.stopped_cleanly = False
            log.error("failed to stop", extra={"step": step.name}, exc_info=failures[0])
        else:
            log.info("stopped", extra={"step": step.name, "seconds": round(time.monotonic() - started, 3)})
