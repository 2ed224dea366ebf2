"""What became of each request."""

from __future__ import annotations

import time
from array import array
from collections.abc import Callable

from bench.generator.headers import Status
from bench.generator.plan import UNANSWERED

_MICROSECOND = 1_000


class Record:
    """Columns with one entry for each request, in the order of sending."""

    def __init__(self, keep_every: int, answered: Callable[[], None]) -> None:
        """`answered` is told whenever a call has ended."""
        self.codes = array("b")
        self.latencies_us = array("q")
        self.late_us = array("q")
        self.answers: list[tuple[int, bytes]] = []
        self.messages: dict[str, str] = {}
        self.succeeded = 0
        self.answer_bytes = 0
        self.under_way = 0
        self._keep_every = keep_every
        self._answered = answered

    @property
    def sent(self) -> int:
        """How many requests were sent."""
        return len(self.codes)

    def begin(self, due: int) -> Request:
        """A request is sent now that was due at an instant in monotonic nanoseconds."""
        number = self.sent
        self.codes.append(UNANSWERED)
        self.latencies_us.append(0)
        self.late_us.append((time.monotonic_ns() - due) // _MICROSECOND)
        self.under_way += 1
        return Request(self, number, due)

    def received(self, number: int, message: bytes) -> None:
        """An answer has come."""
        self.answer_bytes += len(message)
        if self._keep_every and number % self._keep_every == 0:
            self.answers.append((number, message))

    def ended(self, number: int, due: int, status: Status) -> None:
        """A call has ended."""
        self.codes[number] = status.code
        self.latencies_us[number] = (time.monotonic_ns() - due) // _MICROSECOND
        self.under_way -= 1
        if status.code == 0:
            self.succeeded += 1
        else:
            self.messages.setdefault(str(status.code), status.message)
        self._answered()


class Request:
    """One call, as its connection sees it."""

    __slots__ = ("_due", "_number", "_record")

    def __init__(self, record: Record, number: int, due: int) -> None:
        self._record = record
        self._number = number
        self._due = due

    def received(self, message: bytes) -> None:
        """The answer."""
        self._record.received(self._number, message)

    def ended(self, status: Status) -> None:
        """How the call ended."""
        self._record.ended(self._number, self._due, status)
