"""One attack: ordinary callers before, during and after it, the verdict, and its print on the terminal."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from attack.kinds import Kind
from attack.stack import Observed, Services, Stack
from bench.load import percentile
from bench.services import ROOT, STOP_S, wait_until_ranked

WARM_UP_S = 3.0
QUIET_S = 6.0
"""Length of the phases before and after an attack."""
DRAIN_S = 6.0
"""Longer than the deadline of an ordinary call."""
LATENCY_FACTOR_MAX = 3.0
LATENCY_FLOOR_MS = 5.0
"""A smaller p95 before the attack counts as this, because a few milliseconds are noise on a shared machine."""
RANKED_S = 120.0


@dataclass(frozen=True)
class Phase:
    """The ordinary calls of one phase."""

    name: str
    latencies_ms: list[float]
    failures: Counter[str]

    @property
    def failed(self) -> int:
        """Number of failed calls."""
        return self.failures.total()

    def percentile_ms(self, share: float) -> float:
        """Return a percentile of the latency in milliseconds, with failed calls."""
        return percentile(self.latencies_ms, share)


@dataclass(frozen=True)
class Result:
    """The result of one attack."""

    kind: Kind
    phases: list[Phase]
    notes: list[str]
    faults: list[str]


def run_kind(stack: Stack, kind: Kind, seconds: float) -> Result:
    """Attack services that were just started, and return what was observed."""
    observed = Observed()
    with kind.prepare(stack) as attack, Services(stack, attack.settings) as services:
        if kind.leaderboard is not None:
            wait_until_ranked(services.challenge.port, kind.leaderboard, RANKED_S)
        file = stack.folder / "calls.jsonl"
        file.unlink(missing_ok=True)
        with _callers(services, file, kind.leaderboard):
            time.sleep(WARM_UP_S)
            marks = [time.monotonic()]
            time.sleep(QUIET_S)
            marks.append(time.monotonic())
            with attack.attack(services, observed):
                time.sleep(max(seconds, kind.seconds_min))
                marks.append(time.monotonic())
            marks.append(time.monotonic())
            time.sleep(QUIET_S)
            marks.append(time.monotonic())
            time.sleep(DRAIN_S)
        for service in services.both:
            if not service.is_running:
                observed.faults.append(f"{service.name} has ended with status {service.exit_status}")
        if kind.letter == "E":
            _check_stop(services, observed)
        calls = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    before = _phase("before", calls, marks[0], marks[1])
    during = _phase("during", calls, marks[1], marks[2])
    after = _phase("after", calls, marks[3], marks[4])
    return Result(
        kind, [before, during, after], observed.notes, [*observed.faults, *verdict(kind, before, during, after)]
    )


def verdict(kind: Kind, before: Phase, during: Phase, after: Phase) -> Iterator[str]:
    """Yield what an ordinary caller must not see."""
    if not before.latencies_ms or not during.latencies_ms or not after.latencies_ms:
        yield "a phase has no calls"
        return
    bound = LATENCY_FACTOR_MAX * max(before.percentile_ms(0.95), LATENCY_FLOOR_MS)
    for phase in (during, after):
        if phase.failed:
            yield f"{phase.failed} failed calls {phase.name} the attack"
        if kind.has_latency_bound and phase.percentile_ms(0.95) > bound:
            yield f"p95 {phase.name} the attack is {phase.percentile_ms(0.95):.1f} ms, more than {bound:.1f} ms"


def _phase(name: str, calls: Iterable[dict[str, Any]], start: float, end: float) -> Phase:
    chosen = [call for call in calls if start <= call["due"] < end]
    failures = Counter(f"{call['method']} {call['status']}" for call in chosen if call["status"] != "OK")
    return Phase(name, [call["latency_ms"] for call in chosen], failures)


@contextmanager
def _callers(services: Services, file: Path, leaderboard: str | None) -> Iterator[None]:
    """Run the ordinary callers."""
    ports = (str(service.port) for service in services.both)
    command = [sys.executable, "-m", "attack.callers", *ports, str(file)]
    if leaderboard is not None:
        command += ["--leaderboard", leaderboard]
    process = subprocess.Popen(command, cwd=ROOT)
    try:
        yield
    finally:
        process.kill()
        process.wait()


def _check_stop(services: Services, observed: Observed) -> None:
    """Check that SIGTERM ends a service whose log is not read."""
    for service in services.both:
        service.log.stall()
        started = time.monotonic()
        service.stop()
        observed.bound(f"seconds to stop {service.name} with a full log", time.monotonic() - started, STOP_S - 1)
        if service.exit_status != 0:
            observed.faults.append(f"{service.name} ended with status {service.exit_status} with a full log")
        service.log.resume()


FAILURES_SHOWN = 4


def show(console: Console, result: Result) -> None:
    """Print one attack with its phases and verdict."""
    console.print(Text(f"\n{result.kind.letter}  {result.kind.title}", "bold"))
    table = Table(box=None, header_style="dim", padding=(0, 2))
    for heading in ("", "calls", "failed", "p50 ms", "p95 ms", "longest ms"):
        table.add_column(heading, justify="right" if heading else "left")
    for phase in result.phases:
        shares = (f"{phase.percentile_ms(share):.1f}" for share in (0.5, 0.95, 1.0))
        table.add_row(phase.name, str(len(phase.latencies_ms)), str(phase.failed), *shares)
    console.print(table)
    for phase in result.phases:
        for failure, count in phase.failures.most_common(FAILURES_SHOWN):
            console.print(Text(f"  {phase.name}: {count} × {failure}"[:148], "dim"))  # noqa: RUF001
    for note in result.notes:
        console.print(Text(f"  {note}", "dim"))
    if result.faults:
        for fault in result.faults:
            console.print(Text(f"  FAILED: {fault}", "bold red"))
    else:
        console.print(Text("  held", "green"))
