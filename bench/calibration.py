"""Fixed pieces of work, timed before and after each table: figures of a machine whose speed changed are no good."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path

import grpc

from bench.figures import quotient
from bench.machine import sync_ms
from bench.services import ServerProcess
from devstack.ports import LOOPBACK

DIFFERENCE_MAX = 1.15
"""The greatest ratio of two times of the same work at which figures between them are trusted."""
_ADDITIONS = 1_500_000
_CALLS = 300


def calibrate(directory: Path, empty: ServerProcess) -> Mapping[str, float]:
    """Return the time of each piece of work in milliseconds, on the core of this thread and of the empty handler."""
    started = time.perf_counter()
    total = 0
    for number in range(_ADDITIONS):
        total += number
    computed = time.perf_counter()
    with grpc.insecure_channel(f"{LOOPBACK}:{empty.port}") as channel:
        call: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary("/bench/Empty")
        call(b"")
        connected = time.perf_counter()
        for _ in range(_CALLS):
            call(b"")
        called = time.perf_counter()
    return {
        "computing": 1e3 * (computed - started),
        "empty calls": 1e3 * (called - connected),
        "fsync": sync_ms(directory),
    }


def changes(before: Mapping[str, float], after: Mapping[str, float]) -> str:
    """Return which work took how much longer or shorter after than before, if that is too much; else nothing."""
    ratios = {name: quotient(after[name], before[name]) for name in before}
    changed = [
        f"{name} {ratio:.2f} times as long"
        for name, ratio in ratios.items()
        if max(ratio, quotient(1, ratio)) > DIFFERENCE_MAX
    ]
    return f"the machine changed, measure again: afterwards {', '.join(changed)}" if changed else ""
