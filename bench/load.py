"""Runs of the load generator against servers, their results, and statistics of repeated measurements."""

from __future__ import annotations

import math
import statistics
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import grpc

from bench.figures import number
from load_generator.connection import CONNECTION_LOST
from load_generator.frames import NO_STATUS
from load_generator.plan import GENERATOR, MACHINE, NO_RESPONSE, Played


class Ratio(NamedTuple):
    """The median ratio of several rounds, and its range."""

    value: float
    least: float
    greatest: float

    def __str__(self) -> str:
        return f"{number(self.least)} to {number(self.greatest)} over the rounds"


def ratio(pairs: Sequence[tuple[float, float]]) -> Ratio:
    """Return the ratio of the first to the second value of each round, without rounds in which that is 0."""
    ratios = [first / second for first, second in pairs if second] or [math.nan]
    return Ratio(median(ratios), min(ratios), max(ratios))


def percentile(samples: Sequence[float], share: float) -> float:
    """Return the smallest sample that at least `share` (0 to 1) of all samples do not exceed; NaN without samples."""
    if not samples:
        return math.nan
    ordered = sorted(samples)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def median(samples: Sequence[float]) -> float:
    """Return the median; NaN without samples."""
    return float(statistics.median(samples)) if samples else math.nan


def bounds_of_median(samples: Sequence[float]) -> tuple[float, float]:
    """Return the bounds of a 95 % confidence interval of the median, whatever the distribution; NaN without samples.

    They are the samples whose ranks are 0.98 * sqrt(n) off the middle (the sign test's interval, by the normal
    approximation). With fewer than six samples they are the extremes, at a lower confidence.
    """
    ordered = sorted(samples)
    if not ordered:
        return math.nan, math.nan
    off = 0.98 * math.sqrt(len(ordered))
    first = max(0, math.floor(len(ordered) / 2 - off))
    return ordered[first], ordered[-1 - first]


SERVER = "server"
POSTGRES = "postgres"

_CODE_NAMES = {
    **{code.value[0]: code.name for code in grpc.StatusCode},
    NO_STATUS: "NO_STATUS",
    CONNECTION_LOST.code: "CONNECTION_LOST",
    NO_RESPONSE: "NO_RESPONSE",
}


class Run:
    """The result of one run of the generator."""

    def __init__(self, played: Played) -> None:
        self.played = played
        self.floor: Run | None = None
        """The same calls at the same pace to an empty handler, which writes the same rows if this run wrote any."""
        self.round_trips = math.nan
        """Round trips to the database per call; NaN if they were not counted."""

    def part(self, method: int) -> Run:
        """Return the result of one method's calls, by its index; the CPU time remains that of all calls."""
        played = self.played
        chosen = [number for number, sent in enumerate(played.methods) if sent == method]
        first, last = bisect_left(chosen, played.first), bisect_left(chosen, played.last)
        measured = chosen[first:last]
        index_of = {number: index for index, number in enumerate(chosen)}
        part = replace(
            played,
            methods=[method] * len(chosen),
            responses={index_of[number]: kept for number, kept in played.responses.items() if number in index_of},
            codes=[played.codes[number] for number in chosen],
            latencies_us=[played.latencies_us[number] for number in chosen],
            first=first,
            last=last,
            succeeded=sum(played.codes[number] == 0 for number in measured),
            late_us=[played.late_us[number - played.first] for number in measured],
        )
        return Run(part)

    @property
    def responses(self) -> Mapping[int, bytes]:
        """The responses that were kept, by the number of their request."""
        return self.played.responses

    def codes(self) -> Counter[str]:
        """Return the number of calls in the measured interval by the name of their status code."""
        played = self.played
        return Counter(_CODE_NAMES.get(code, str(code)) for code in played.codes[played.first : played.last])

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
    messages: dict[int, str] = {}
    for run in runs:
        counted.update(code for code in run.played.codes if code != 0)
        messages = {**run.played.messages, **messages}
    return "; ".join(
        f"{count} {_CODE_NAMES.get(code, str(code))}: {messages.get(code, 'no response')}"
        for code, count in counted.most_common()
    )
