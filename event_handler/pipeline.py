"""A stream's batches on their way: taken in one after the other, several under way at once, with responses in order.

A stream reads a batch, submits it and goes on to the next without waiting for the commit; responses follow in order. At
most `BATCHES_IN_FLIGHT_MAX` batches have no response yet: then nothing more is read, and gRPC's flow control holds the
sender back.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from contextvars import copy_context
from functools import partial
from queue import SimpleQueue
from typing import Any, Generic, TypeVar

from shared.domain.errors import ShuttingDown

A = TypeVar("A")
B = TypeVar("B")

BATCHES_IN_FLIGHT_MAX = 8
"""Enough to keep the writer busy while a response travels; with 1,000 events each it bounds what a stream can hold."""

PendingResponse = Callable[[], B]
"""Wait for a batch, and return its response."""


class _End:
    """Nothing follows: the sender is done, or is told why it cannot go on."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error


class Pipeline(Generic[A, B]):
    """One stream, between its batches and their responses.

    It leaves no circle of references, such as an error whose traceback leads back to it: until the next garbage
    collection gRPC's part of the stream would live on, and count against the streams that its connection may open.
    """

    def __init__(self, submit: Callable[[A], PendingResponse[B]]) -> None:
        """`submit` submits a batch and returns a function that waits for its response. An error ends the stream."""
        self._submit = submit
        self._room = threading.Semaphore(BATCHES_IN_FLIGHT_MAX)
        self._pending: SimpleQueue[PendingResponse[B] | _End] = SimpleQueue()
        self._lock = threading.Lock()
        self._submitting = False
        self._stopped = False
        self._over = False

    def run(self, batches: Iterable[A]) -> Iterator[B]:
        """Yield the responses in order, and raise the error that ended the stream after them."""
        # The reader reads the development clock, where there is one, as the stream's own thread does.
        read = partial(copy_context().run, self._read, batches)
        threading.Thread(target=read, name="stream reader", daemon=True).start()
        try:
            while not isinstance(pending := self._pending.get(), _End):
                yield pending()
                self._room.release()
            error = pending.error
            del pending
            if error is not None:
                try:
                    raise error
                finally:
                    del error
        finally:
            with self._lock:
                self._stopped = self._over = True
                # Drops the responses that no caller will read.
                self._pending = SimpleQueue()
            # The reader may wait for room that no response will free any more.
            self._room.release()

    def stop(self) -> None:
        """Stop reading batches, without waiting. Those that were read still get their responses."""
        with self._lock:
            self._stopped = True
            # A reader that is submitting a batch puts the end itself, after the batch.
            if not self._submitting:
                self._pending.put(_End(ShuttingDown()))

    def _read(self, batches: Iterable[A]) -> None:
        """Read batches and submit them until the stream ends or is stopped. Runs in a thread of its own."""
        waiting = iter(batches)
        try:
            while self._room.acquire():
                batch = next(waiting)
                with self._lock:
                    if self._stopped:
                        return
                    self._submitting = True
                pending = self._submit(batch)
                with self._lock:
                    self._submitting = False
                    self._pending.put(pending)
                    if self._stopped:
                        raise ShuttingDown
        except StopIteration:
            self._end(_End())
        except Exception as error:
            # Also what gRPC raises when the sender goes away: then nothing reads the responses, and the run ends too.
            self._end(_End(error))

    def _end(self, end: _End) -> None:
        with self._lock:
            if not self._over:
                self._pending.put(end)


class Pipelines:
    """All open streams, so that they can be ended together."""

    def __init__(self) -> None:
        self._open: set[Pipeline[Any, Any]] = set()
        self._lock = threading.Lock()
        self._stopped = False

    def run(self, submit: Callable[[A], PendingResponse[B]], batches: Iterable[A]) -> Iterator[B]:
        """Run a stream. Raises `ShuttingDown` after `stop`."""
        pipeline = Pipeline(submit)
        with self._lock:
            if self._stopped:
                raise ShuttingDown
            self._open.add(pipeline)
        try:
            yield from pipeline.run(batches)
        finally:
            with self._lock:
                self._open.discard(pipeline)

    def stop(self) -> None:
        """End all streams. Each responds to what it has taken in."""
        with self._lock:
            self._stopped = True
            streams = list(self._open)
        for pipeline in streams:
            pipeline.stop()
