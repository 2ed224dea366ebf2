"""Background duties: passes, failures, stopping."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from queue import SimpleQueue

import pytest

from shared.runtime.duties import Duties, every
from shared.runtime.lifecycle import Lifecycle
from shared.runtime.telemetry import Telemetry
from tests.support.waiting import wait_until

SOON_S = 0.001


def passes(telemetry: Telemetry, outcome: str) -> float:
    return telemetry.registry.get_sample_value("duty_passes_total", {"duty": "tidy", "outcome": outcome}) or 0


@pytest.fixture
def telemetry() -> Telemetry:
    return Telemetry()


@pytest.fixture
def duties(telemetry: Telemetry) -> Iterator[Duties]:
    with Lifecycle() as lifecycle:
        yield Duties(lifecycle, telemetry)
    assert lifecycle.stopped_cleanly


def test_the_first_pass_runs_at_once_and_others_follow(duties: Duties, telemetry: Telemetry) -> None:
    done: SimpleQueue[None] = SimpleQueue()
    duties.start("tidy", SOON_S, lambda: done.put(None))
    for _ in range(3):
        done.get(timeout=60)
    wait_until(lambda: passes(telemetry, "done") >= 3)


def test_a_failed_pass_is_counted_and_the_next_one_runs(
    duties: Duties, telemetry: Telemetry, caplog: pytest.LogCaptureFixture
) -> None:
    outcomes = iter([OSError("away"), OSError("away"), None])

    def one_pass() -> None:
        if (outcome := next(outcomes, None)) is not None:
            raise outcome

    caplog.set_level("INFO")
    duties.start("tidy", SOON_S, one_pass)
    wait_until(lambda: passes(telemetry, "done") >= 1)
    assert passes(telemetry, "failed") == 2
    # Consecutive failures are logged once, with the traceback. The recovery is logged too.
    wait_until(lambda: len(caplog.records) >= 2)
    assert [record.message for record in caplog.records] == ["duty failed", "duty recovered"]
    assert caplog.records[0].exc_info is not None


def test_a_duty_between_passes_stops_at_once() -> None:
    with Lifecycle() as lifecycle:
        first = threading.Event()
        Duties(lifecycle, Telemetry()).start("tidy", 3_600, first.set)
        assert first.wait(60)
    assert lifecycle.stopped_cleanly


def test_no_pass_runs_after_the_stop() -> None:
    stopping = threading.Event()
    stopping.set()
    every(SOON_S, pytest.fail, stopping)
