"""The queue in which calls wait for a thread."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from shared.rpc import call_pool
from shared.rpc.call_pool import REFUSALS_AT_ONCE, REFUSALS_PER_S, WAIT_S, CallPool, is_refusing
from tests.support.waiting import wait_until


class CallLog:
    """The served and the refused calls, in order."""

    def __init__(self) -> None:
        self.served: list[int] = []
        self.refused: list[int] = []
        self.refusal_times: list[float] = []

    def call(self, number: int) -> None:
        """Run a call as a servicer's method does."""
        if is_refusing():
            self.refusal_times.append(time.monotonic())
            self.refused.append(number)
        else:
            self.served.append(number)


@pytest.fixture
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Set a wait so long that no call is overdue, however busy the machine is."""
    monkeypatch.setattr(call_pool, "WAIT_S", 60.0)


@contextmanager
def busy(pool: CallPool, *, refusing: bool = False) -> Iterator[threading.Event]:
    """Keep the one thread of a pool busy until the yielded event is set. No call is refused unless `refusing`."""
    release = threading.Event()
    if refusing:
        pool.start()
    pool.submit(release.wait, 30)
    try:
        yield release
    finally:
        release.set()
        if not refusing:
            pool.start()
        pool.close()


def wait_until_overdue() -> None:
    """Wait until all calls that wait now are overdue."""
    begun = time.monotonic()
    wait_until(lambda: time.monotonic() - begun > WAIT_S)


@pytest.mark.usefixtures("patience")
def test_waiting_calls_are_served_in_order() -> None:
    pool, log = CallPool(1, "test"), CallLog()
    with busy(pool) as release:
        for number in range(3):
            pool.submit(log.call, number)
        assert (pool.in_use, pool.waiting) == (1, 3)
        release.set()
        wait_until(lambda: len(log.served) == 3)
    assert log.served == [0, 1, 2]
    assert (pool.in_use, pool.waiting) == (0, 0)


def test_behind_overdue_calls_the_newest_is_served_first() -> None:
    pool, log = CallPool(1, "test"), CallLog()
    with busy(pool) as release:
        for number in range(3):
            pool.submit(log.call, number)
        wait_until_overdue()
        pool.submit(log.call, 3)
        release.set()
        wait_until(lambda: len(log.served) == 4)
    assert log.served[0] == 3


def test_calls_are_refused_once_overdue_and_not_before() -> None:
    pool, log = CallPool(1, "test"), CallLog()
    with busy(pool, refusing=True):
        begun = time.monotonic()
        for number in range(5):
            pool.submit(log.call, number)
        wait_until(lambda: log.refused)
        assert time.monotonic() - begun > WAIT_S
        wait_until(lambda: len(log.refused) == 5)
    assert log.refused == [0, 1, 2, 3, 4]
    assert not log.served


def test_a_burst_is_refused_at_once_and_further_calls_at_a_bounded_rate() -> None:
    pool, log = CallPool(1, "test"), CallLog()
    further = 200
    with busy(pool, refusing=True):
        for number in range(REFUSALS_AT_ONCE + further):
            pool.submit(log.call, number)
        wait_until(lambda: len(log.refused) == REFUSALS_AT_ONCE + further)
    # A lower bound, which holds however busy the machine is.
    assert log.refusal_times[-1] - log.refusal_times[0] > 0.5 * further / REFUSALS_PER_S


def test_the_queue_has_a_bound() -> None:
    pool, log = CallPool(1, "test", waiting_max=2), CallLog()
    with busy(pool):
        for number in range(2):
            assert pool.has_room
            pool.submit(log.call, number)
        assert not pool.has_room


@pytest.mark.usefixtures("patience")
def test_closing_waits_for_waiting_calls() -> None:
    pool, log = CallPool(2, "test"), CallLog()
    pool.start()
    for number in range(100):
        pool.submit(log.call, number)
    pool.close()
    assert sorted(log.served) == list(range(100))


def test_closing_waits_for_threads_that_have_not_begun() -> None:
    for _ in range(200):
        pool, log = CallPool(4, "test"), CallLog()
        pool.start()
        for number in range(4):
            pool.submit(log.call, number)
        pool.close()
        assert sorted(log.served) == list(range(4))


@pytest.mark.usefixtures("patience")
def test_an_exception_in_a_call_ends_no_thread() -> None:
    pool, log = CallPool(1, "test"), CallLog()

    def fail() -> None:
        raise ValueError("as if gRPC itself had failed")

    pool.start()
    for number in range(3):
        pool.submit(fail)
        pool.submit(log.call, number)
    pool.close()
    assert log.served == [0, 1, 2]
    assert pool.in_use == 0


def test_a_call_is_assigned_to_the_thread_that_was_busy_last() -> None:
    pool, threads = CallPool(3, "test"), list[str]()
    releases = [threading.Event() for _ in range(3)]
    for release in releases:
        pool.submit(release.wait, 30)
    for ended, release in enumerate(releases, 1):
        release.set()
        _wait_for_in_use(pool, 3 - ended)
    for _ in range(6):
        pool.submit(lambda: threads.append(threading.current_thread().name))
        _wait_for_in_use(pool, 0)
    assert threads == ["test 3"] * 6
    pool.start()
    pool.close()


def test_a_call_is_refused_if_no_thread_can_be_started_and_the_next_is_served(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    pool, log = CallPool(1, "test"), CallLog()
    pool.start()
    with monkeypatch.context() as patched, caplog.at_level("CRITICAL", "shared.rpc.call_pool"):
        patched.setattr(threading.Thread, "start", _no_thread_left)
        pool.submit(log.call, 0)
        wait_until(lambda: log.refused == [0])
    assert pool.in_use == 0
    pool.submit(log.call, 1)
    wait_until(lambda: log.served == [1])
    pool.close()


def test_calls_wait_for_existing_threads_if_no_further_one_can_be_started(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    pool, log = CallPool(2, "test"), CallLog()
    with busy(pool) as release, monkeypatch.context() as patched, caplog.at_level("CRITICAL", "shared.rpc.call_pool"):
        patched.setattr(threading.Thread, "start", _no_thread_left)
        for number in range(2):
            pool.submit(log.call, number)
        assert (pool.in_use, pool.waiting) == (1, 2)
        release.set()
        wait_until(lambda: sorted(log.served) == [0, 1])


def _no_thread_left(_thread: threading.Thread) -> None:
    raise RuntimeError("can't start new thread")


def _wait_for_in_use(pool: CallPool, threads: int) -> None:
    wait_until(lambda: pool.in_use == threads)
