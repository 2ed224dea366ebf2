"""The order in which parts stop, and what happens to those that do not."""

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


def test_a_part_that_hangs_is_left_behind_after_its_time(caplog: pytest.LogCaptureFixture) -> None:
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


def test_a_part_that_fails_does_not_keep_the_others_from_stopping(caplog: pytest.LogCaptureFixture) -> None:
    stopped: list[str] = []

    def fail() -> None:
        raise OSError("disk full")

    with Lifecycle() as lifecycle:
        lifecycle.on_stop("pool", lambda: stopped.append("pool"))
        lifecycle.on_stop("calls", fail)
    assert stopped == ["pool"]
    assert not lifecycle.stopped_cleanly
    assert caplog.records[0].exc_info is not None


def test_a_start_that_fails_halfway_stops_what_it_had_started() -> None:
    stopped: list[str] = []

    def start() -> None:
        with Lifecycle() as lifecycle:
            lifecycle.on_stop("pool", lambda: stopped.append("pool"))
            raise ValueError("no catalogue")

    with pytest.raises(ValueError, match="no catalogue"):
        start()
    assert stopped == ["pool"]
