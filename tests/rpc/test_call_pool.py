"""The room in which calls wait for a thread."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from shared.rpc import call_pool
from shared.rpc.call_pool import REFUSALS_AT_ONCE, REFUSALS_PER_S, WAIT_S, CallPool, is_refusing
from tests.support.waiting import wait_until


class Book:
    """Who was answered and who was refused, in order."""

    def __init__(self) -> None:
        self.answered: list[int] = []
        self.refused: list[int] = []
        self.refusal_times: list[float] = []

    def call(self, number: int) -> None:
        """A call as a servicer's method sees it."""
        if is_refusing():
            self.refusal_times.append(time.monotonic())
            self.refused.append(number)
        else:
            self.answered.append(number)


@pytest.fixture
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """However slow the machine is, nobody has waited too long."""
    monkeypatch.setattr(call_pool, "WAIT_S", 60.0)


@contextmanager
def busy(pool: CallPool, *, refusing: bool = False) -> Iterator[threading.Event]:
    """A pool of one thread, which is taken until the event is set; nobody is refused unless `refusing`."""
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
    """Wait until whoever waits now has waited too long."""
    begun = time.monotonic()
    wait_until(lambda: time.monotonic() - begun > WAIT_S)


@pytest.mark.usefixtures("patience")
def test_who_waits_is_served_in_order() -> None:
    pool, book = CallPool(1, "test"), Book()
    with busy(pool) as release:
        for number in range(3):
            pool.submit(book.call, number)
        assert (pool.in_use, pool.waiting) == (1, 3)
        release.set()
        wait_until(lambda: len(book.answered) == 3)
    assert book.answered == [0, 1, 2]
    assert (pool.in_use, pool.waiting) == (0, 0)


def test_behind_those_who_waited_too_long_the_newest_is_served_first() -> None:
    pool, book = CallPool(1, "test"), Book()
    with busy(pool) as release:
        for number in range(3):
            pool.submit(book.call, number)
        wait_until_overdue()
        pool.submit(book.call, 3)
        release.set()
        wait_until(lambda: len(book.answered) == 4)
    assert book.answered[0] == 3


def test_who_waits_too_long_is_refused_and_nobody_before() -> None:
    pool, book = CallPool(1, "test"), Book()
    with busy(pool, refusing=True):
        begun = time.monotonic()
        for number in range(5):
            pool.submit(book.call, number)
        wait_until(lambda: book.refused)
        assert time.monotonic() - begun > WAIT_S
        wait_until(lambda: len(book.refused) == 5)
    assert book.refused == [0, 1, 2, 3, 4]
    assert not book.answered


def test_a_crowd_is_refused_at_once_and_what_is_beyond_it_at_a_bounded_rate() -> None:
    pool, book = CallPool(1, "test"), Book()
    further = 200
    with busy(pool, refusing=True):
        for number in range(REFUSALS_AT_ONCE + further):
            pool.submit(book.call, number)
        wait_until(lambda: len(book.refused) == REFUSALS_AT_ONCE + further)
    # However late the machine lets whom look: so many are never refused in less time.
    assert book.refusal_times[-1] - book.refusal_times[0] > 0.5 * further / REFUSALS_PER_S


def test_the_room_has_a_bound() -> None:
    pool, book = CallPool(1, "test", waiting_max=2), Book()
    with busy(pool):
        for number in range(2):
            assert pool.has_room
            pool.submit(book.call, number)
        assert not pool.has_room


@pytest.mark.usefixtures("patience")
def test_closing_waits_for_those_who_wait() -> None:
    pool, book = CallPool(2, "test"), Book()
    pool.start()
    for number in range(100):
        pool.submit(book.call, number)
    pool.close()
    assert sorted(book.answered) == list(range(100))


def test_closing_waits_for_threads_that_have_not_begun_yet() -> None:
    for _ in range(200):
        pool, book = CallPool(4, "test"), Book()
        pool.start()
        for number in range(4):
            pool.submit(book.call, number)
        pool.close()
        assert sorted(book.answered) == list(range(4))


@pytest.mark.usefixtures("patience")
def test_what_fails_takes_no_thread_with_it() -> None:
    pool, book = CallPool(1, "test"), Book()

    def fail() -> None:
        raise ValueError("as if gRPC itself had failed")

    pool.start()
    for number in range(3):
        pool.submit(fail)
        pool.submit(book.call, number)
    pool.close()
    assert book.answered == [0, 1, 2]
    assert pool.in_use == 0


def test_a_call_is_given_to_the_thread_that_was_busy_last() -> None:
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


def test_where_no_thread_can_be_started_a_call_is_refused_and_the_next_is_answered(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    pool, book = CallPool(1, "test"), Book()
    pool.start()
    with monkeypatch.context() as patched, caplog.at_level("CRITICAL", "shared.rpc.call_pool"):
        patched.setattr(threading.Thread, "start", _no_thread_left)
        pool.submit(book.call, 0)
        wait_until(lambda: book.refused == [0])
    assert pool.in_use == 0
    pool.submit(book.call, 1)
    wait_until(lambda: book.answered == [1])
    pool.close()


def test_where_no_further_thread_can_be_started_calls_wait_for_those_that_are_there(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    pool, book = CallPool(2, "test"), Book()
    with busy(pool) as release, monkeypatch.context() as patched, caplog.at_level("CRITICAL", "shared.rpc.call_pool"):
        patched.setattr(threading.Thread, "start", _no_thread_left)
        for number in range(2):
            pool.submit(book.call, number)
        assert (pool.in_use, pool.waiting) == (1, 2)
        release.set()
        wait_until(lambda: sorted(book.answered) == [0, 1])


def _no_thread_left(_thread: threading.Thread) -> None:
    raise RuntimeError("can't start new thread")


def _wait_for_in_use(pool: CallPool, threads: int) -> None:
    wait_until(lambda: pool.in_use == threads)
