"""Threads that deliver grants, started on demand."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from typing import Generic, TypeVar

T = TypeVar("T")


class DeliveryThreads(Generic[T]):
    """A bounded number of threads that work on items in order of arrival. For one submitting thread.

    `ThreadPoolExecutor` keeps an item whose thread could not be started, and raises: a grant would stay leased, and the
    dispatcher would not know if it is still to be delivered. Here a thread exists before an item is accepted.
    """

    def __init__(self, threads_max: int, name: str, work: Callable[[T], object]) -> None:
        """Start no thread yet. `work` must not raise."""
        self._threads_max = threads_max
        self._name = name
        self._work = work
        self._items: SimpleQueue[T | None] = SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._lock = threading.Lock()
        self._pending = 0
        """Number of items that are not finished."""

    def require_one(self) -> None:
        """Start a thread if there is none; raise RuntimeError if the system refuses it."""
        if not self._threads:
            self._start()

    def submit(self, item: T) -> None:
        """Accept an item for the first thread that is free. Call `require_one` first."""
        with self._lock:
            self._pending += 1
            busy = self._pending > len(self._threads)
        self._items.put(item)
        if busy and len(self._threads) < self._threads_max:
            # Without another thread the existing ones work on it later, and the next item tries again.
            with suppress(RuntimeError):
                self._start()

    def close(self) -> None:
        """Finish all items, and end the threads."""
        for _ in self._threads:
            self._items.put(None)
        for thread in self._threads:
            thread.join()

    def _start(self) -> None:
        thread = threading.Thread(target=self._run, name=f"{self._name} {len(self._threads)}", daemon=True)
        thread.start()
        self._threads.append(thread)

    def _run(self) -> None:
        while (item := self._items.get()) is not None:
            self._work(item)
            with self._lock:
                self._pending -= 1
