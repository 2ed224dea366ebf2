"""Callers that hold calls, streams or responses of running services: no ordinary call fails, and memory is bounded."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from attack import connection_attacks, run
from attack.__main__ import ON_DISK
from attack.kinds import KINDS, Kind
from attack.stack import Stack

SECONDS = 15.0
CHOSEN = ("32 GetChallenge", "32 idle StreamEvents", "4 connections that never read")
"""Beginnings of titles: one kind of each sort. The others differ in their method, which `tests/rpc` covers."""

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    """Yield Postgres and Valkey of their own."""
    with tempfile.TemporaryDirectory(prefix="challenge-attack-", dir=ON_DISK) as name:
        folder = Path(name)
        # Postgres does not run as root: its account must be able to enter.
        folder.chmod(0o711)
        with Stack(folder) as stack:
            yield stack


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.title.startswith(CHOSEN)], ids=lambda kind: kind.title)
def test_ordinary_calls_succeed_beside_greedy_callers(
    stack: Stack, kind: Kind, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "WARM_UP_S", 1.0)
    monkeypatch.setattr(run, "QUIET_S", 1.0)
    # A rate that is no overload on a slow machine either. Without a bound, memory would grow by 300 MiB.
    monkeypatch.setattr(connection_attacks, "CALLS_AT_ONCE", 1)
    # Latency is held against a bound by `make attack`, on a quiet machine.
    result = run.run_kind(stack, replace(kind, has_latency_bound=False), SECONDS)
    assert not result.faults, ([phase.failures for phase in result.phases], result.notes)
