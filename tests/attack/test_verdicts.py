"""The verdict on an attack."""

from __future__ import annotations

from collections import Counter

import pytest

from attack.kinds import KINDS, LETTERS
from attack.run import LATENCY_FLOOR_MS, Phase, verdict
from attack.stack import Observed

BOUNDED = next(kind for kind in KINDS if kind.has_latency_bound)
UNBOUNDED = next(kind for kind in KINDS if not kind.has_latency_bound)


def phase(name: str, latency_ms: float, **failures: int) -> Phase:
    return Phase(name, [latency_ms] * 20, Counter(failures))


def test_every_availability_kind_has_an_attack() -> None:
    assert list("CDEFGHIJ") == LETTERS


@pytest.mark.parametrize(
    ("during", "faults"),
    [
        (phase("during", 29.0), []),
        (phase("during", 31.0), ["p95 during the attack is 31.0 ms, more than 30.0 ms"]),
        (phase("during", 1.0, UNAVAILABLE=2), ["2 failed calls during the attack"]),
        (Phase("during", [], Counter()), ["a phase has no calls"]),
    ],
)
def test_failed_calls_and_slow_calls_are_faults(during: Phase, faults: list[str]) -> None:
    assert list(verdict(BOUNDED, phase("before", 10.0), during, phase("after", 10.0))) == faults


def test_latency_below_the_floor_is_noise() -> None:
    slow = phase("during", 3 * LATENCY_FLOOR_MS)
    assert list(verdict(BOUNDED, phase("before", 0.1), slow, phase("after", 0.1))) == []


def test_a_kind_without_a_latency_bound_may_be_slow_but_not_fail() -> None:
    during = phase("during", 1_000.0, INTERNAL=1)
    assert list(verdict(UNBOUNDED, phase("before", 1.0), during, phase("after", 1.0))) == [
        "1 failed calls during the attack"
    ]


def test_a_broken_bound_is_a_fault() -> None:
    observed = Observed()
    observed.bound("threads", 5, 5)
    assert observed.faults == []
    observed.bound("threads", 6, 5)
    assert observed.faults == ["threads is 6.0, more than 5"]
