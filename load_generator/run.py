"""One run: warm up, measure, and wait for the last responses."""

from __future__ import annotations

import time
from pathlib import Path
from typing import NamedTuple

from load_generator import tape
from load_generator.exchange import Exchange, Line, request_headers
from load_generator.pace import ClosedLoop, OpenLoop, Pace
from load_generator.plan import GENERATOR, MACHINE, Plan, Played
from load_generator.record import Record
from load_generator.streams import Streams
from load_generator.usage import busy_seconds, cpu_seconds

_NS = 1_000_000_000


class Mark(NamedTuple):
    """The progress of a run at one instant."""

    instant: int
    sent: int
    succeeded: int
    response_bytes: int
    cpu_s: dict[str, float]


def play(plan: Plan) -> Played:
    """Play a plan to its end and return the result."""
    run = _Run(plan)
    begin = run.start + round(plan.warm_up_s * _NS)
    has_more = run.pace.run_until(begin)
    before = run.mark()
    if has_more:
        run.pace.run_until(begin + round(plan.measured_s * _NS))
    after = run.mark()
    run.await_responses()
    record = run.record
    tape.write(Path(plan.responses), record.responses)
    return Played(
        codes=record.codes.tolist(),
        latencies_us=record.latencies_us.tolist(),
        first=before.sent,
        last=after.sent,
        interval_s=(after.instant - before.instant) / _NS,
        succeeded=after.succeeded - before.succeeded,
        cpu_s={name: after.cpu_s[name] - before.cpu_s[name] for name in after.cpu_s},
        late_us=record.late_us[before.sent : after.sent].tolist(),
        response_bytes=after.response_bytes - before.response_bytes,
        messages=record.messages,
    )


class _Run:
    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._requests = tape.read(Path(plan.requests))
        # A stream's deadline is that of the whole run.
        timeout_s = plan.timeout_s + (plan.warm_up_s + plan.measured_s if plan.streams else 0)
        self._lines = [Line((plan.host, port), plan.connections) for port in plan.ports]
        self._methods = [
            (self._lines[server], request_headers(method, f"{plan.host}:{plan.ports[server]}", timeout_s))
            for server, method in plan.methods
        ]
        self._streams = [Streams(line, headers, plan.streams) for line, headers in self._methods if plan.streams]
        self._exchange = Exchange(self._lines)
        self.record = Record(self._call_ended)
        self.start = time.monotonic_ns()
        self.pace = self._paced()

    def _paced(self) -> Pace:
        if self._plan.rate is not None:
            return OpenLoop(self._exchange, self._send, self._plan.rate, self.start, self._plan.in_flight)
        if self._plan.in_flight is not None:
            return ClosedLoop(self._exchange, self._send, self._plan.in_flight)
        raise ValueError("a plan needs a rate or a number of calls in flight")

    def _send(self, due: int) -> bool:
        number = self.record.sent
        if number >= len(self._requests) and not self._plan.repeat:
            return False
        method, message = self._requests[number % len(self._requests)]
        every = self._plan.keep_every[method]
        request = self.record.begin(due, keep=every > 0 and number % every == 0)
        if self._streams:
            self._streams[method].call(message, request)
        else:
            line, headers = self._methods[method]
            line.call(headers, message, request)
        return True

    def _call_ended(self) -> None:
        self.pace.call_ended()

    def mark(self) -> Mark:
        """Return the progress of the run."""
        record = self.record
        cpu_s = {name: cpu_seconds(pid) for name, pid in self._plan.processes.items()}
        cpu_s |= {GENERATOR: time.process_time(), MACHINE: busy_seconds()}
        return Mark(time.monotonic_ns(), record.sent, record.succeeded, record.response_bytes, cpu_s)

    def await_responses(self) -> None:
        """Wait until every call has ended, for at most a call's deadline."""
        deadline = time.monotonic() + self._plan.timeout_s
        while self.record.in_flight and (remaining := deadline - time.monotonic()) > 0:
            self._exchange.step(remaining)
