"""Playing load against a server, and reading what came of it."""

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
"""Free bytes that it must have to be used: containers may have but little of it."""
SERVER = "server"
POSTGRES = "postgres"


@dataclass(frozen=True, kw_only=True)
class OpenLoop:
    """Calls at a fixed rate, whether earlier ones were answered or not."""

    rate: float
    connections: int = 4
    callers: int | None = None
    """So many calls are under way at most; one that falls due while all callers are busy is made when one is free."""


@dataclass(frozen=True, kw_only=True)
class ClosedLoop:
    """A fixed number of calls under way, enough to saturate the server."""

    in_flight: int
    connections: int = 4
    streams: int = 0
    """Send requests as messages on so many streams; 0: each in a call of its own."""


class Stretch(NamedTuple):
    """How long a run lasts, in seconds."""

    warm_up_s: float
    measured_s: float


class Run:
    """What came of one run of the generator."""

    def __init__(self, played: Played, answers: Mapping[int, bytes], methods: Sequence[int] = ()) -> None:
        self.played = played
        self.answers = answers
        """The answers that were kept, by the position of their request among those that were sent."""
        self._methods = methods

    def part(self, method: int) -> Run:
        """What came of the calls of one method, by its place among the methods; the CPU time stays that of all."""
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
        return Run(part, {places[number]: answer for number, answer in self.answers.items() if number in places})

    def codes(self) -> Counter[str]:
        """How the calls of the measured interval ended, by the names of gRPC's codes."""
        played = self.played
        return Counter(CODE_NAMES.get(code, str(code)) for code in played.codes[played.first : played.last])

    @property
    def rate(self) -> float:
        """Calls that ended well, a second."""
        return self.played.succeeded / self.played.interval_s

    def cpu_us(self, process: str = SERVER) -> float:
        """CPU time of a process for each call that ended well, in microseconds."""
        return 1e6 * self.played.cpu_s[process] / max(self.played.succeeded, 1)

    def cores(self, process: str = SERVER) -> float:
        """How many cores a process was busy on."""
        return self.played.cpu_s[process] / self.played.interval_s

    @property
    def rate_per_core(self) -> float:
        """Calls for each second of the server's CPU time."""
        return 1e6 / self.cpu_us()

    @property
    def busy_generator(self) -> float:
        """The share of a core that the generator took: near 1 it, and not the server, is what was measured."""
        return self.played.cpu_s[GENERATOR] / self.played.interval_s

    @property
    def other_load(self) -> float:
        """How many cores were busy with anything that is no part of the measurement."""
        cpu_s = dict(self.played.cpu_s)
        return max(0.0, cpu_s.pop(MACHINE) - sum(cpu_s.values())) / self.played.interval_s

    def latency_ms(self, share: float) -> float:
        """A percentile of the latency from the due instant, in milliseconds; a call that failed counts as well."""
        played = self.played
        return percentile(played.latencies_us[played.first : played.last], share) / 1e3

    def late_ms(self, share: float) -> float:
        """A percentile of how late the generator itself was, in milliseconds."""
        return percentile(self.played.late_us, share) / 1e3

    @property
    def answer_bytes(self) -> int:
        """Mean length of an answer."""
        return round(self.played.answer_bytes / max(self.played.succeeded, 1))

    @property
    def failed(self) -> int:
        """Calls that did not end well, over the whole run."""
        return sum(code != 0 for code in self.played.codes)

    @property
    def failures(self) -> str:
        """How calls failed; see `failures`."""
        return failures([self])


def failures(runs: Iterable[Run]) -> str:
    """How calls failed: how many by status, and what the first of each said. Empty if none did."""
    counted: Counter[int] = Counter()
    messages: dict[str, str] = {}
    for run in runs:
        counted.update(code for code in run.played.codes if code != 0)
        messages = {**run.played.messages, **messages}
    return "; ".join(
        f"{count} {CODE_NAMES.get(code, str(code))}: {messages.get(str(code), 'no answer came')}"
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
    """Play requests against servers on this machine.

    `methods` are pairs of a server's place among the ports and a full name, `requests` pairs of a method's place among
    these and an encoded message. `keep_every`: of which requests of each method the answers are kept; 0 for none.
    """
    sent = array("B")

    def noted() -> Iterator[tuple[int, bytes]]:
        for method, request in requests:
            sent.append(method)
            yield method, request

    with tempfile.TemporaryDirectory(prefix="bench-load-", dir=_tapes_folder()) as name:
        requests_file, answers_file = Path(name) / "requests", Path(name) / "answers"
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
            answers=str(answers_file),
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
            # Ctrl-C reaches this process alone, which then ends the generator.
            start_new_session=True,
        )
        return Run(Played.from_json(done.stdout), dict(tape.read(answers_file)), sent)


def _tapes_folder() -> Path | None:
    """A folder in memory; None for the usual one where there is none.

    On a disk, what was written of a tape would get in the way of Postgres' commits when the kernel writes it back.
    """
    roomy = IN_MEMORY.is_dir() and shutil.disk_usage(IN_MEMORY).free >= IN_MEMORY_MIN
    return IN_MEMORY if roomy else None
