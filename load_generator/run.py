"""One run: warm up, measure, and wait for the last responses."""

from __future__ import annotations

import gc
import math
import time
from array import array
from typing import NamedTuple

from load_generator.exchange import Line, Streams, step
from load_generator.frames import Status, request_headers
from load_generator.plan import (
    CALL_TIMEOUT_S,
    GENERATOR,
    MACHINE,
    NO_RESPONSE,
    OpenLoop,
    Plan,
    Played,
)
from load_generator.usage import busy_seconds, cpu_seconds

HOST = "127.0.0.1"
_NS = 1_000_000_000
_MICROSECOND = 1_000


def play(plan: Plan) -> Played:
    """Play a plan to its end and return the result."""
    if not plan.requests:
        raise ValueError("there is nothing to send")
    # A garbage collection would delay the handling of responses; the run is short and creates no cycles.
    gc.disable()
    run = _Run(plan)
    try:
        return run.play()
    finally:
        run.close()
        gc.enable()


class _Mark(NamedTuple):
    """The progress of a run at one instant."""

    instant: int
    sent: int
    succeeded: int
    response_bytes: int
    cpu_s: dict[str, float]


class _Run:
    """A run, with one entry in each column for each request, in the order of sending."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        pace, length = plan.pace, plan.length
        if isinstance(pace, OpenLoop):
            self._interval = _NS / pace.rate
            self._in_flight_max = pace.callers or math.inf
            streams = 0
        else:
            self._interval, self._in_flight_max, streams = 0.0, pace.in_flight, pace.streams
        # A stream's deadline is that of the whole run.
        timeout_s = CALL_TIMEOUT_S + (length.warm_up_s + length.measured_s if streams else 0)
        trusting, authorizations = plan.manner.trusting, plan.manner.authorizations or [""]
        self._lines = [Line((HOST, port), pace.connections, trusting) for port in plan.ports]
        self._methods = [
            (
                self._lines[server],
                [
                    request_headers(method, f"{HOST}:{plan.ports[server]}", timeout_s, authorization)
                    for authorization in authorizations
                ],
            )
            for server, method in plan.methods
        ]
        self._streams = [Streams(line, headers[0], streams) for line, headers in self._methods if streams]
        self.methods = array("B")
        self.codes = array("b")
        self.latencies_us = array("q")
        self.late_us = array("q")
        self.responses: dict[int, bytes] = {}
        self.messages: dict[int, str] = {}
        self.succeeded = 0
        self.response_bytes = 0
        self.in_flight = 0
        self._start = time.monotonic_ns()

    def play(self) -> Played:
        """Warm up, measure, and wait for the last responses."""
        begin = self._start + round(self._plan.length.warm_up_s * _NS)
        has_more = self._run_until(begin)
        before = self._mark()
        if has_more:
            self._run_until(begin + round(self._plan.length.measured_s * _NS))
        after = self._mark()
        deadline = time.monotonic() + CALL_TIMEOUT_S
        while self.in_flight and (remaining := deadline - time.monotonic()) > 0:
            step(self._lines, remaining)
        return Played(
            methods=self.methods,
            codes=self.codes.tolist(),
            latencies_us=self.latencies_us.tolist(),
            responses=self.responses,
            first=before.sent,
            last=after.sent,
            interval_s=(after.instant - before.instant) / _NS,
            succeeded=after.succeeded - before.succeeded,
            cpu_s={name: after.cpu_s[name] - before.cpu_s[name] for name in after.cpu_s},
            late_us=self.late_us[before.sent : after.sent],
            response_bytes=after.response_bytes - before.response_bytes,
            messages=self.messages,
        )

    def close(self) -> None:
        """Close all connections."""
        for line in self._lines:
            for connection in line.connections:
                connection.close()

    def _run_until(self, instant: int) -> bool:
        """Send requests as they fall due, until an instant in monotonic nanoseconds.

        A request that is due at `instant` belongs to the next interval. Return False if there is nothing more to send.
        """
        while True:
            now = time.monotonic_ns()
            while self.in_flight < self._in_flight_max and (due := self._due(now)) <= now and due < instant:
                if not self._send(due):
                    return False
            if now >= instant:
                return True
            wake = min(self._due(instant), instant) if self.in_flight < self._in_flight_max else instant
            step(self._lines, (wake - now) / _NS)

    def _due(self, at_once: int) -> int:
        """Return when the next request is due: by its number in an open loop, and `at_once` in a closed one."""
        return self._start + round(len(self.codes) * self._interval) if self._interval else at_once

    def _send(self, due: int) -> bool:
        """Send the next request; return False if there is none, or no server left in a closed loop."""
        number, requests = len(self.codes), self._plan.requests
        if (number >= len(requests) and not self._plan.repeat) or not (
            self._interval or all(line.is_open for line in self._lines)
        ):
            return False
        method, message = requests[number % len(requests)]
        every = self._plan.keep_every[method]
        request = _Request(self, number, due, keep=every > 0 and number % every == 0)
        self.methods.append(method)
        self.codes.append(NO_RESPONSE)
        self.latencies_us.append(0)
        self.late_us.append((time.monotonic_ns() - due) // _MICROSECOND)
        self.in_flight += 1
        if self._streams:
            self._streams[method].call(message, request)
        else:
            line, headers = self._methods[method]
            line.call(headers[number % len(headers)], message, request)
        return True

    def _mark(self) -> _Mark:
        cpu_s = {name: cpu_seconds(pid) for name, pid in self._plan.processes.items()}
        cpu_s |= {GENERATOR: time.process_time(), MACHINE: busy_seconds()}
        return _Mark(time.monotonic_ns(), len(self.codes), self.succeeded, self.response_bytes, cpu_s)


class _Request:
    """One call as its connection sees it."""

    __slots__ = ("_due", "_keep", "_number", "_run")

    def __init__(self, run: _Run, number: int, due: int, *, keep: bool) -> None:
        self._run = run
        self._number = number
        self._due = due
        self._keep = keep

    def received(self, message: bytes) -> None:
        """Record the response."""
        self._run.response_bytes += len(message)
        if self._keep:
            self._run.responses[self._number] = message

    def ended(self, status: Status) -> None:
        """Record the end of the call."""
        run = self._run
        run.codes[self._number] = status.code
        run.latencies_us[self._number] = (time.monotonic_ns() - self._due) // _MICROSECOND
        run.in_flight -= 1
        if status.code == 0:
            run.succeeded += 1
        else:
            run.messages.setdefault(status.code, status.message)
