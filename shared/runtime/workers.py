"""Several processes that share one port.

Each is started by exec, never forked: gRPC's threads do not survive a fork. The kernel spreads connections over the
workers (SO_REUSEPORT), a worker that dies is replaced, SIGHUP is passed on to all, and the parent serves no calls.

Imports are four fifths of a start. So while all workers serve, one spare process stands by that has done them, and
replaces the next worker that dies: within 0.1 to 0.4 s instead of 0.6 to 0.8, and on a busy machine half a second
instead of three.
"""

from __future__ import annotations

import logging
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from queue import SimpleQueue

from prometheus_client import Counter

from shared.runtime.parent_link import WorkerLink
from shared.runtime.signals import RELOAD_SIGNAL, let_next_signal_kill, wait_for_stop_signal
from shared.runtime.start_refused import EXIT_REFUSED

YOUNG_S = 10.0
"""Age in seconds below which a worker that dies has failed to start, whatever the reason."""

FAILURES_MAX = 5
"""Failed starts in a row after which the worker is given up."""

FIRST_DELAY_S = 0.1
"""Delay in seconds before the second attempt in a row. Doubled each time: 0, 0.1, 0.2, 0.4 s, then no restart."""


class Restarts:
    """The restarts of one worker."""

    def __init__(self) -> None:
        self._failures = 0

    def delay_after(self, lived_s: float) -> float | None:
        """Return the seconds to wait before the next start; None to give up."""
        if lived_s >= YOUNG_S:
            self._failures = 0
            return 0.0
        self._failures += 1
        if self._failures >= FAILURES_MAX:
            return None
        return 0.0 if self._failures == 1 else FIRST_DELAY_S * 2.0 ** (self._failures - 2)


log = logging.getLogger(__name__)

STOP_MARGIN_S = 5.0
"""Seconds that a worker may take to stop beyond its drain and the grace for its calls: other steps, and the
interpreter's exit."""

REFUSED_DELAY_S = 5.0
"""Seconds until a worker that refused to start is started again while others serve: the cause, such as a catalogue that
is broken at the moment, does not harm the others and may be corrected."""


@dataclass(frozen=True)
class _Exited:
    worker: int
    link: WorkerLink
    lived_s: float


@dataclass(frozen=True)
class _StartAgain:
    worker: int


class _Serving:
    pass


class _ReloadAsked:
    pass


class _StopAsked:
    pass


class Workers:
    """The workers of one service: `python -m MODULE --worker`, with `environ` as their environment."""

    def __init__(self, module: str, count: int, environ: Mapping[str, str], restarts: Counter) -> None:
        self._module = module
        self._environ = dict(environ)
        self._restarts_total = restarts
        for worker in range(count):
            # Shown from the start: an increase is seen only of what was there before.
            restarts.labels(str(worker))
        self._restarts = {worker: Restarts() for worker in range(count)}
        self._links: dict[int, WorkerLink] = {}
        self._spare: WorkerLink | None = None
        self._metrics_ports: dict[int, int | None] = dict.fromkeys(range(count))
        self._events: SimpleQueue[_Exited | _StartAgain | _Serving | _ReloadAsked | _StopAsked] = SimpleQueue()

    def metrics_ports(self) -> dict[int, int | None]:
        """Return the port of each worker's metrics; None while a worker starts."""
        return dict(self._metrics_ports)

    def run(self, stop_s: float) -> int:
        """Keep the workers running until a signal asks to stop, and return the exit code of the parent.

        0: all workers ended in order within `stop_s` and a margin. 1: one did not, or could not be kept running.
        2: a worker refused to start, and no other one serves.
        """
        threading.Thread(target=self._wait_for_signal, name="signals", daemon=True).start()
        for worker in self._restarts:
            self._start(worker)
        code = self._replace_until_stopped()
        let_next_signal_kill()
        in_order = self._stop(stop_s + STOP_MARGIN_S)
        return code or int(not in_order)

    def _replace_until_stopped(self) -> int:
        """Handle events of workers and signals until the parent must end, and return its exit code."""
        while True:
            event = self._events.get()
            if isinstance(event, _StopAsked):
                return 0
            if isinstance(event, _ReloadAsked):
                self._pass_on_reload()
                continue
            if isinstance(event, _StartAgain):
                self._start(event.worker)
                continue
            if isinstance(event, _Serving):
                self._keep_a_spare()
                continue
            code = self._after_exit(event)
            if code is not None:
                return code

    def _after_exit(self, exited: _Exited) -> int | None:
        """Restart a worker that ended; return an exit code if the parent must end as well."""
        worker, code = exited.worker, exited.link.process.returncode
        del self._links[worker]
        if code != EXIT_REFUSED:
            delay_s = self._restarts[worker].delay_after(exited.lived_s)
        else:
            delay_s = REFUSED_DELAY_S if self._any_serves() else None
        if delay_s is None:
            log.error("giving up: worker keeps failing to start", extra={"exited_worker": worker, "exit_code": code})
            return EXIT_REFUSED if code == EXIT_REFUSED else 1
        log.error(
            "a worker died and is replaced",
            extra={"exited_worker": worker, "exit_code": code, "lived_s": round(exited.lived_s, 1), "delay_s": delay_s},
        )
        self._restarts_total.labels(str(worker)).inc()
        self._start_later(worker, delay_s)
        return None

    def _start_later(self, worker: int, delay_s: float) -> None:
        again = threading.Timer(delay_s, self._events.put, [_StartAgain(worker)])
        again.daemon = True
        again.start()

    def _any_serves(self) -> bool:
        return any(port is not None for port in self._metrics_ports.values())

    def _pass_on_reload(self) -> None:
        log.info("asking all workers to reload")
        for link in self._links.values():
            link.process.send_signal(RELOAD_SIGNAL)

    def _start(self, worker: int) -> None:
        # A spare that was killed meanwhile counts as a worker that dies at its start.
        link, self._spare = self._spare or self._process(), None
        if link is None:
            self._start_later(worker, REFUSED_DELAY_S)
            return
        link.tell_index(worker)
        self._links[worker] = link
        threading.Thread(target=self._watch, args=(worker, link), name=f"worker {worker}", daemon=True).start()

    def _keep_a_spare(self) -> None:
        # Started after all workers, so that it does not take the CPU that they need to start.
        if self._spare is None and all(port is not None for port in self._metrics_ports.values()):
            self._spare = self._process()

    def _process(self) -> WorkerLink | None:
        """Start a process, and return the connection to it; None if the system has no process or descriptor left."""
        try:
            return WorkerLink([sys.executable, "-m", self._module, "--worker"], self._environ)
        except OSError as error:
            log.error("cannot start a process", extra={"reason": str(error)})
            return None

    def _watch(self, worker: int, link: WorkerLink) -> None:
        """Report that a worker serves, and later that it has ended. Runs in a thread for each worker."""
        started = time.monotonic()
        self._metrics_ports[worker] = port = link.read_metrics_port()
        if port is not None:
            self._events.put(_Serving())
        link.process.wait()
        self._metrics_ports[worker] = None
        link.close()
        self._events.put(_Exited(worker, link, time.monotonic() - started))

    def _stop(self, timeout_s: float) -> bool:
        """Stop all workers, and return whether all ended by themselves, with exit code 0, in time."""
        deadline = time.monotonic() + timeout_s
        in_order = True
        if self._spare is not None:
            # The spare has nothing to finish.
            self._spare.process.kill()
            self._spare.process.wait()
        for link in self._links.values():
            link.process.terminate()
        for worker, link in self._links.items():
            try:
                in_order &= link.process.wait(max(0.0, deadline - time.monotonic())) == 0
            except subprocess.TimeoutExpired:
                log.error("a worker did not stop in time and is killed", extra={"exited_worker": worker})
                link.process.kill()
                link.process.wait()
                in_order = False
        return in_order

    def _wait_for_signal(self) -> None:
        number = wait_for_stop_signal(lambda: self._events.put(_ReloadAsked()))
        log.info("stopping", extra={"signal": number.name})
        self._events.put(_StopAsked())
