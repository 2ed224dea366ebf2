"""Runs of the load generator against servers, and their results."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from array import array
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from bench.processes import ROOT
from bench.samples import percentile
from devstack.ports import LOOPBACK
from load_generator import tape
from load_generator.plan import CODE_NAMES, GENERATOR, MACHINE, Plan, Played

CALL_TIMEOUT_S = 10.0
IN_MEMORY = Path("/dev/shm")  # noqa: S108 - a folder of our own is made in there
IN_MEMORY_MIN = 2**30
"""Free bytes that the folder must have: in containers it may be small."""
SERVER = "server"
POSTGRES = "postgres"


@dataclass(frozen=True, kw_only=True)
class OpenLoop:
    """Calls at a fixed rate, whether or not earlier ones have ended."""

    rate: float
    connections: int = 4
    callers: int | None = None
    """Maximum number of calls in flight; a call that falls due while all callers are busy is made when one is free."""


@dataclass(frozen=True, kw_only=True)
class ClosedLoop:
    """A fixed number of calls in flight, enough to saturate the server."""

    in_flight: int
    connections: int = 4
    streams: int = 0
    """Number of streams on which requests are sent as messages; 0: each request is a call of its own."""


class Stretch(NamedTuple):
    """The duration of a run, in seconds."""

    warm_up_s: float
    measured_s: float


class Run:
    """The result of one run of the generator."""

    def __init__(self, played: Played, responses: Mapping[int, bytes], methods: Sequence[int] = ()) -> None:
        self.played = played
        self.responses = responses
        """The responses that were kept, by the number of their request."""
        self._methods = methods

    def part(self, method: int) -> Run:
        """Return the result of one method's calls, by its index; the CPU time remains that of all calls."""
        played = self.played
        chosen = [number for number in range(len(played.codes)) if self._methods[number % len(self._methods)] == method]
        first, last = bisect_left(chosen, played.first), bisect_left(chosen, played.last)
        measured = chosen[first:last]
        part = replace(
            played,
            codes=[played.codes[number] for number in chosen],
            latencies_us=[played.latencies_us[number] for number in chosen],
            first=first,
            last=last,
            succeeded=sum(played.codes[number] == 0 for number in measured),
            late_us=[played.late_us[number - played.first] for number in measured],
        )
        places = {number: place for place, number in enumerate(chosen)}
        return Run(part, {places[number]: response for number, response in self.responses.items() if number in places})

    def codes(self) -> Counter[str]:
        """Return the number of calls in the measured interval by the name of their status code."""
        played = self.played
        return Counter(CODE_NAMES.get(code, str(code)) for code in played.codes[played.first : played.last])

    @property
    def rate(self) -> float:
        """Successful calls per second."""
        return self.played.succeeded / self.played.interval_s

    def cpu_us(self, process: str = SERVER) -> float:
        """Return the CPU time of a process per successful call, in microseconds."""
        return 1e6 * self.played.cpu_s[process] / max(self.played.succeeded, 1)

    def cores(self, process: str = SERVER) -> float:
        """Return the number of cores used by a process."""
        return self.played.cpu_s[process] / self.played.interval_s

    @property
    def rate_per_core(self) -> float:
        """Calls per second of the server's CPU time."""
        return 1e6 / self.cpu_us()

    @property
    def busy_generator(self) -> float:
        """The share of a core used by the generator; near 1 the generator was measured, not the server."""
        return self.played.cpu_s[GENERATOR] / self.played.interval_s

    @property
    def other_load(self) -> float:
        """The number of cores used by programs that are not part of the measurement."""
        cpu_s = dict(self.played.cpu_s)
        return max(0.0, cpu_s.pop(MACHINE) - sum(cpu_s.values())) / self.played.interval_s

    def latency_ms(self, share: float) -> float:
        """Return a percentile of the latency from the due instant, in milliseconds; failed calls count, too."""
        played = self.played
        return percentile(played.latencies_us[played.first : played.last], share) / 1e3

    def late_ms(self, share: float) -> float:
        """Return a percentile of the generator's own delay, in milliseconds."""
        return percentile(self.played.late_us, share) / 1e3

    @property
    def response_bytes(self) -> int:
        """Mean length of a response."""
        return round(self.played.response_bytes / max(self.played.succeeded, 1))

    @property
    def failed(self) -> int:
        """Number of failed calls in the whole run."""
        return sum(code != 0 for code in self.played.codes)

    @property
    def failures(self) -> str:
        """The errors of failed calls; see `failures`."""
        return failures([self])


def failures(runs: Iterable[Run]) -> str:
    """Return the number of failed calls by status, with the first message of each; empty if none failed."""
    counted: Counter[int] = Counter()
    messages: dict[str, str] = {}
    for run in runs:
        counted.update(code for code in run.played.codes if code != 0)
        messages = {**run.played.messages, **messages}
    return "; ".join(
        f"{count} {CODE_NAMES.get(code, str(code))}: {messages.get(str(code), 'no response')}"
        for code, count in counted.most_common()
    )


def play(
    ports: Sequence[int],
    methods: Sequence[tuple[int, str]],
    requests: Iterable[tuple[int, bytes]],
    pace: OpenLoop | ClosedLoop,
    stretch: Stretch,
    *,
    repeat: bool,
    processes: Mapping[str, int],
    cores: Sequence[int],
    keep_every: Sequence[int],
) -> Run:
    """Play requests against servers on this machine, and return the result.

    `methods` are pairs of an index into `ports` and a full name, `requests` pairs of an index into `methods` and an
    encoded message. `keep_every` says for each method the responses of which requests are kept; 0 for none.
    """
    sent = array("B")

    def noted() -> Iterator[tuple[int, bytes]]:
        for method, request in requests:
            sent.append(method)
            yield method, request

    with tempfile.TemporaryDirectory(prefix="bench-load-", dir=_tapes_folder()) as name:
        requests_file, responses_file = Path(name) / "requests", Path(name) / "responses"
        if not tape.write(requests_file, noted()):
            raise ValueError("there is nothing to send")
        plan = Plan(
            host=LOOPBACK,
            ports=list(ports),
            methods=list(methods),
            requests=str(requests_file),
            repeat=repeat,
            connections=pace.connections,
            streams=pace.streams if isinstance(pace, ClosedLoop) else 0,
            rate=pace.rate if isinstance(pace, OpenLoop) else None,
            in_flight=pace.in_flight if isinstance(pace, ClosedLoop) else pace.callers,
            warm_up_s=stretch.warm_up_s,
            measured_s=stretch.measured_s,
            timeout_s=CALL_TIMEOUT_S,
            processes=dict(processes),
            responses=str(responses_file),
            keep_every=list(keep_every),
            cores=list(cores),
        )
        done = subprocess.run(
            [sys.executable, "-m", "load_generator"],
            input=plan.to_json(),
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            timeout=stretch.warm_up_s + stretch.measured_s + CALL_TIMEOUT_S + 60,
            check=True,
            # Ctrl-C reaches only this process, which then ends the generator.
            start_new_session=True,
        )
        return Run(Played.from_json(done.stdout), dict(tape.read(responses_file)), sent)


def _tapes_folder() -> Path | None:
    """Return a folder in memory; None, for the default folder, if there is none.

    On a disk, the kernel's write-back of the files would disturb Postgres' commits.
    """
    roomy = IN_MEMORY.is_dir() and shutil.disk_usage(IN_MEMORY).free >= IN_MEMORY_MIN
    return IN_MEMORY if roomy else None
