"""A writer that batches without a timer: it writes together whatever has arrived while it was writing.

A lone item is written at once; under load, batches grow by themselves until the writer is the limit. One batch is
written at a time, by a thread that does nothing else, or by a caller who finds it idle and would only wait for it.
"""

from __future__ import annotations

import logging
import threading
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

log = logging.getLogger(__name__)

Item = TypeVar("Item")
Result = TypeVar("Result")

LOW_WATER = 0.5
"""Share of the buffer below which callers that wait for room are woken. Woken at every batch, all of them would run for
the room that one batch makes, and most of them would wait again."""


class BatchingWriter(ABC, Generic[Item, Result]):
    """A bounded buffer, and the thread that empties it."""

    def __init__(
        self,
        name: str,
        *,
        size_max: int,
        batch_size_max: int | None = None,
        group_of: Callable[[Item], object] = lambda _: None,
    ) -> None:
        """`name` is that of the thread. `size_max` bounds the size of all items that wait or are being written.

        `batch_size_max` bounds the size of a batch, but for an item that is larger by itself. A batch holds items of
        one group.
        """
        self._size_max = size_max
        self._batch_size_max = size_max if batch_size_max is None else batch_size_max
        self._group_of = group_of
        self._low_water = int(size_max * LOW_WATER)
        self._size = 0
        self._buffer: deque[tuple[Item, int, float]] = deque()
        self._writing = False
        self._closing = False
        self._lock = threading.Lock()
        self._arrived = threading.Condition(self._lock)
        self._drained = threading.Condition(self._lock)
        self._thread = threading.Thread(target=self._write_until_closed, name=name, daemon=True)

    def start(self) -> None:
        """Start the writer."""
        self._thread.start()

    def close(self, timeout_s: float) -> None:
        """Refuse new items, and wait at most `timeout_s` until everything in the buffer is written."""
        with self._lock:
            self._closing = True
            self._arrived.notify()
            self._drained.notify_all()
        self._thread.join(timeout_s)

    @property
    def size(self) -> int:
        """The size of all items that wait or are being written."""
        return self._size

    @property
    def oldest_wait_s(self) -> float:
        """Seconds that the oldest item in the buffer has waited; 0 if the buffer is empty."""
        with self._lock:
            return time.monotonic() - self._buffer[0][2] if self._buffer else 0.0

    def _put(self, item: Item, size: int = 1, *, wait_until: float | None = None, write: bool = False) -> bool:
        """Buffer an item and return True; return False after `close`, or if the item does not fit.

        With `wait_until`, in monotonic seconds, wait until then for room. With `write`, which is for callers who would
        wait for it anyway, the item is written by this thread if nothing else is being written, which spares waking two
        threads in turn.
        """
        with self._lock:
            while not self._closing and self._size + size > self._size_max:
                if wait_until is None or not self._drained.wait(wait_until - time.monotonic()):
                    return False
            if self._closing:
                return False
            self._size += size
            if not write or self._writing or self._buffer:
                self._buffer.append((item, size, time.monotonic()))
                if not self._writing:
                    self._arrived.notify()
                return True
            self._writing = True
        self._write_batch([item], size)
        return True

    @abstractmethod
    def _write(self, batch: list[Item]) -> Result:
        """Write a batch; no other is being written meanwhile."""

    def _written(self, batch: list[Item], result: Result) -> None:
        """Report what became of a batch.

        Its room in the buffer is free by then, so a caller who is told and comes back at once finds it.
        """

    def _write_until_closed(self) -> None:
        while batch := self._next_batch():
            self._write_batch(*batch)

    def _write_batch(self, items: list[Item], size: int) -> None:
        try:
            result = self._write(items)
        except Exception:
            log.exception("unhandled exception in a writer", extra={"writer": self._thread.name})
            return
        finally:
            self._make_room(size)
        self._written(items, result)

    def _next_batch(self) -> tuple[list[Item], int] | None:
        """Wait for an item, and return a batch and its size; None when closed and empty."""
        batch: list[Item] = []
        batch_size = 0
        with self._lock:
            while self._writing or not (self._buffer or self._closing):
                self._arrived.wait()
            group = self._group_of(self._buffer[0][0]) if self._buffer else None
            while self._buffer:
                item, size, _ = self._buffer[0]
                if batch and (batch_size + size > self._batch_size_max or self._group_of(item) is not group):
                    break
                self._buffer.popleft()
                batch.append(item)
                batch_size += size
            self._writing = bool(batch)
        return (batch, batch_size) if batch else None

    def _make_room(self, size: int) -> None:
        with self._lock:
            self._writing = False
            self._size -= size
            if self._buffer or self._closing:
                self._arrived.notify()
            if self._size <= self._low_water:
                self._drained.notify_all()
