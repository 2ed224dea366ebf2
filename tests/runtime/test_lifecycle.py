"""The order in which parts stop, and the handling of parts that do not."""

from __future__ import annotations

import threading

import pytest

from shared.runtime.lifecycle import Lifecycle


def test_parts_stop_in_reverse_order_of_their_start() -> None:
    stopped: list[str] = []
    with Lifecycle() as lifecycle:
        for part in ("telemetry", "pool", "batches", "calls", "health"):
            lifecycle.on_stop(part, lambda part=part: stopped.append(part))  # type: ignore[misc]
    assert stopped == ["health", "calls", "batches", "pool", "telemetry"]
    assert lifecycle.stopped_cleanly


def test_a_part_that_hangs_is_abandoned_after_its_timeout(caplog: pytest.LogCaptureFixture) -> None:
    released = threading.Event()
    stopped: list[str] = []
    with Lifecycle() as lifecycle:
        lifecycle.on_stop("pool", lambda: stopped.append("pool"))
        lifecycle.on_stop("calls", released.wait, timeout_s=0.01)
    released.set()
    assert stopped == ["pool"]
    assert not lifecycle.stopped_cleanly
    assert [(record.message, record.__dict__["step"]) for record in caplog.records] == [
        ("part did not stop in time", "calls")
    ]


def test_a_failing_part_does_not_prevent_others_from_stopping(caplog: pytest.LogCaptureFixture) -> None:
    stopped: list[str] = []

    def fail() -> None:
        raise OSError("disk full")

    with Lifecycle() as lifecycle:
        lifecycle.on_stop("pool", lambda: stopped.append("pool"))
        lifecycle.on_stop("calls", fail)
    assert stopped == ["pool"]
    assert not lifecycle.stopped_cleanly
    assert caplog.records[0].exc_info is not None


def test_a_failed_start_stops_the_parts_already_started() -> None:
    stopped: list[str] = []

    def start() -> None:
        with Lifecycle() as lifecycle:
            lifecycle.on_stop("pool", lambda: stopped.append("pool"))
            raise ValueError("no catalogue")

    with pytest.raises(ValueError, match="no catalogue"):
        start()
    assert stopped == ["pool"]
