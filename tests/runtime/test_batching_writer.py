"""A writer batches the items that arrived during a write, and wakes waiting callers once there is enough room."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from queue import SimpleQueue

import pytest

from shared.runtime.batching_writer import LOW_WATER, BatchingWriter
from tests.support.databases import PATIENCE_S, soon
from tests.support.waiting import wait_until

SIZE_MAX = 10


class Numbers(BatchingWriter[int, int]):
    """Writes numbers, one batch each time the test releases it."""

    def __init__(self, batch_size_max: int | None = None) -> None:
        super().__init__(
            "numbers", size_max=SIZE_MAX, batch_size_max=batch_size_max, group_of=lambda number: number < 0
        )
        self.may_write = threading.Semaphore(0)
        self.writing: SimpleQueue[list[int]] = SimpleQueue()
        self.threads: SimpleQueue[threading.Thread] = SimpleQueue()
        self.written: list[int] = []
        self.room_when_reported: list[int] = []

    def put(self, number: int, *, size: int = 1, wait_s: float | None = None) -> bool:
        return self._put(number, size, wait_until=None if wait_s is None else soon(wait_s))

    def put_or_write(self, number: int) -> threading.Thread:
        """Put an item as a caller who waits for it; return the thread that called."""
        assert self._put(number, write=True)
        return threading.current_thread()

    def hold_up(self) -> None:
        """Make the writer start a batch of one item that does not end."""
        assert self.put(0)
        assert self.writing.get(timeout=PATIENCE_S) == [0]

    def _write(self, batch: list[int]) -> int:
        self.threads.put(threading.current_thread())
        self.writing.put(batch)
        assert self.may_write.acquire(timeout=PATIENCE_S)
        if 13 in batch:
            raise ValueError("unlucky")
        return sum(batch)

    def _written(self, batch: list[int], result: int) -> None:
        assert result == sum(batch)
        self.written += batch
        self.room_when_reported.append(SIZE_MAX - self.size)


@contextmanager
def running(writer: Numbers) -> Iterator[Numbers]:
    writer.start()
    try:
        yield writer
    finally:
        writer.may_write.release(100)
        writer.close(PATIENCE_S)


def test_items_that_arrive_during_a_write_are_written_together() -> None:
    with running(Numbers()) as writer:
        writer.hold_up()
        assert all(writer.put(number) for number in (1, 2, 3))
        writer.may_write.release(2)
        assert writer.writing.get(timeout=PATIENCE_S) == [1, 2, 3]
        wait_until(lambda: writer.written == [0, 1, 2, 3])


def test_a_batch_is_bounded_and_of_one_group() -> None:
    with running(Numbers(batch_size_max=4)) as writer:
        writer.hold_up()
        for number, size in ((1, 2), (2, 2), (3, 1), (-4, 1), (-5, 1)):
            assert writer.put(number, size=size)
        writer.may_write.release(4)
        assert [writer.writing.get(timeout=PATIENCE_S) for _ in range(3)] == [[1, 2], [3], [-4, -5]]


def test_an_item_that_does_not_fit_is_refused() -> None:
    with running(Numbers()) as writer:
        writer.hold_up()
        assert not writer.put(1, size=SIZE_MAX)
        assert writer.put(2, size=SIZE_MAX - 1)
        assert not writer.put(3)
        assert not writer.put(4, wait_s=0.05)


def test_there_is_room_when_a_batch_is_reported() -> None:
    with running(Numbers()) as writer:
        writer.hold_up()
        writer.may_write.release(1)
        wait_until(lambda: writer.room_when_reported == [SIZE_MAX])


def test_callers_that_wait_for_room_are_woken_below_the_low_water_mark() -> None:
    with running(Numbers(batch_size_max=2)) as writer, ThreadPoolExecutor(1) as callers:
        writer.hold_up()
        assert writer.put(1, size=3)
        assert writer.put(2, size=6)
        patient = callers.submit(writer.put, 3, wait_s=PATIENCE_S)
        # One item is written: there is room now, but the size is still above the low-water mark.
        writer.may_write.release(1)
        assert writer.writing.get(timeout=PATIENCE_S) == [1]
        assert writer.size == 9 > SIZE_MAX * LOW_WATER
        assert not patient.done()
        writer.may_write.release(1)
        assert writer.writing.get(timeout=PATIENCE_S) == [2]
        assert writer.size == 6
        assert not patient.done()
        writer.may_write.release(1)
        assert patient.result(PATIENCE_S)


def test_a_waiting_item_as_large_as_the_buffer_gets_in_once_the_buffer_is_empty() -> None:
    with running(Numbers(batch_size_max=1)) as writer, ThreadPoolExecutor(1) as callers:
        writer.hold_up()
        assert all(writer.put(number) for number in range(1, 4))
        patient = callers.submit(writer.put, 9, size=SIZE_MAX, wait_s=PATIENCE_S)
        writer.may_write.release(4)
        assert patient.result(PATIENCE_S)


def test_a_failed_write_frees_its_room_and_the_writer_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    with running(Numbers()) as writer:
        writer.may_write.release(2)
        with caplog.at_level(logging.CRITICAL, "shared.runtime.batching_writer"):
            assert writer.put(13, size=SIZE_MAX)
            wait_until(lambda: writer.size == 0)
        assert writer.put(1, size=SIZE_MAX)
        wait_until(lambda: writer.written == [1])


def test_closing_writes_the_rest_and_refuses_more() -> None:
    writer = Numbers()
    with running(writer), ThreadPoolExecutor(1) as callers:
        writer.hold_up()
        assert writer.put(1, size=SIZE_MAX - 1)
        patient = callers.submit(writer.put, 2, wait_s=PATIENCE_S)
        closing = threading.Thread(target=writer.close, args=(PATIENCE_S,))
        closing.start()
        assert not patient.result(PATIENCE_S)
        assert not writer.put(3)
        writer.may_write.release(2)
        closing.join(PATIENCE_S)
        assert writer.written == [0, 1]


def test_an_idle_writer_leaves_a_lone_item_to_its_caller() -> None:
    with running(Numbers()) as writer:
        writer.may_write.release(1)
        assert writer.put_or_write(1) is writer.threads.get_nowait()
        assert writer.written == [1]
        assert writer.room_when_reported == [SIZE_MAX]


def test_one_batch_is_written_at_a_time_whoever_writes_it() -> None:
    with running(Numbers()) as writer, ThreadPoolExecutor(2) as callers:
        caller = callers.submit(writer.put_or_write, 1)
        assert writer.writing.get(timeout=PATIENCE_S) == [1]
        callers.submit(writer.put_or_write, 2).result(PATIENCE_S)
        assert writer.put(3)
        assert writer.writing.empty()
        writer.may_write.release(2)
        assert writer.writing.get(timeout=PATIENCE_S) == [2, 3]
        assert caller.result(PATIENCE_S) is writer.threads.get()
        assert writer.threads.get().name == "numbers"


def test_a_failed_write_of_a_caller_leaves_the_writer_in_order() -> None:
    with running(Numbers()) as writer:
        writer.may_write.release(2)
        writer.put_or_write(13)
        assert writer.size == 0
        assert writer.put(1)
        wait_until(lambda: writer.written == [1])


def test_closing_waits_for_a_caller_who_writes() -> None:
    writer = Numbers()
    writer.start()
    with ThreadPoolExecutor(1) as callers:
        caller = callers.submit(writer.put_or_write, 1)
        assert writer.writing.get(timeout=PATIENCE_S) == [1]
        assert writer.put(2)
        writer.close(0.05)
        assert not writer.put(3)
        writer.may_write.release(2)
        writer.close(PATIENCE_S)
        assert sorted(writer.written) == [1, 2]
        caller.result(PATIENCE_S)
