"""ghz, where it is built: its profiles, and what it reports of them."""

from __future__ import annotations

import json
import resource
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.cores import pin
from bench.processes import ROOT

PROGRAM = ROOT / ".tools" / "bin" / "ghz"
"""`make tools` builds it."""
PROFILES = ROOT / "tests" / "load"
MIX = PROFILES / "player_mix"
"""Profiles that are played at the same time."""

_NS_PER_MS = 1e6
_START_S = 30.0


@dataclass(frozen=True)
class Reported:
    """What ghz says of a profile."""

    name: str
    calls: int
    rate: float
    percentiles_ms: Mapping[int, float]
    failed: Mapping[str, int]
    """How many calls ended in each status that is not OK."""


@dataclass(frozen=True)
class Played:
    """What became of profiles that were played at the same time."""

    reports: Sequence[Reported]
    busy: float
    """Cores that ghz took."""


def is_built() -> bool:
    """Whether there is a ghz to play profiles with."""
    return PROGRAM.is_file()


def profile(path: Path, port: int, *, calls: int | None = None, seconds: float | None = None) -> dict[str, Any]:
    """A profile for a server on this machine, as long as it is told: by calls, or by time at the profile's rate."""
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    _, _, old_port = content["host"].rpartition(":")
    content["host"] = content["host"].removesuffix(old_port) + str(port)
    if seconds is not None:
        calls = round(content["rps"] * seconds)
    return content if calls is None else {**content, "total": calls, "concurrency": min(calls, content["concurrency"])}


def play(profiles: Mapping[str, Mapping[str, Any]], scratch: Path, cores: tuple[int, ...]) -> Played:
    """Play profiles at the same time, on these cores; `scratch` is a folder for files.

    Raises `CalledProcessError` if ghz fails.
    """
    running = []
    started, cpu_s = time.monotonic(), _cpu_of_ended_s()
    for name, content in profiles.items():
        config = scratch / f"{name}.json"
        config.write_text(json.dumps(content), encoding="utf-8")
        command = [str(PROGRAM), "--config", str(config), "--format", "json"]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT)
        pin(process.pid, cores)
        running.append((name, content, process))
    reports = [_reported(name, process, _limit_s(content)) for name, content, process in running]
    return Played(reports, (_cpu_of_ended_s() - cpu_s) / (time.monotonic() - started))


def _cpu_of_ended_s() -> float:
    """CPU time of all children that have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _limit_s(content: Mapping[str, Any]) -> float:
    return float(content["total"]) / float(content["rps"]) + _START_S


def _reported(name: str, process: subprocess.Popen[bytes], timeout_s: float) -> Reported:
    try:
        output, _ = process.communicate(timeout=timeout_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        raise
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, process.args)
    told = json.loads(output)
    return Reported(
        name,
        told["count"],
        told["rps"],
        {entry["percentage"]: entry["latency"] / _NS_PER_MS for entry in told["latencyDistribution"] or ()},
        {code: count for code, count in told["statusCodeDistribution"].items() if code != "OK"},
    )
