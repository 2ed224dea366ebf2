"""The outcome of each request."""

from __future__ import annotations

import time
from array import array
from collections.abc import Callable

from load_generator.headers import Status
from load_generator.plan import NO_RESPONSE

_MICROSECOND = 1_000


class Record:
    """Columns with one entry for each request, in the order of sending."""

    def __init__(self, call_ended: Callable[[], None]) -> None:
        """Call `call_ended` whenever a call has ended."""
        self.codes = array("b")
        self.latencies_us = array("q")
        self.late_us = array("q")
        self.responses: list[tuple[int, bytes]] = []
        self.messages: dict[str, str] = {}
        self.succeeded = 0
        self.response_bytes = 0
        self.in_flight = 0
        self._call_ended = call_ended

    @property
    def sent(self) -> int:
        """The number of requests sent."""
        return len(self.codes)

    def begin(self, due: int, *, keep: bool) -> Request:
        """Record a request sent now that was due at an instant in monotonic nanoseconds; `keep` its response."""
        number = self.sent
        self.codes.append(NO_RESPONSE)
        self.latencies_us.append(0)
        self.late_us.append((time.monotonic_ns() - due) // _MICROSECOND)
        self.in_flight += 1
        return Request(self, number, due, keep)

    def received(self, number: int, message: bytes, *, keep: bool) -> None:
        """Record a response."""
        self.response_bytes += len(message)
        if keep:
            self.responses.append((number, message))

    def ended(self, number: int, due: int, status: Status) -> None:
        """Record the end of a call."""
        self.codes[number] = status.code
        self.latencies_us[number] = (time.monotonic_ns() - due) // _MICROSECOND
        self.in_flight -= 1
        if status.code == 0:
            self.succeeded += 1
        else:
            self.messages.setdefault(str(status.code), status.message)
        self._call_ended()


class Request:
    """One call as its connection sees it."""

    __slots__ = ("_due", "_keep", "_number", "_record")

    def __init__(self, record: Record, number: int, due: int, keep: bool) -> None:
        self._record = record
        self._number = number
        self._due = due
        self._keep = keep

    def received(self, message: bytes) -> None:
        """Record the response."""
        self._record.received(self._number, message, keep=self._keep)

    def ended(self, status: Status) -> None:
        """Record the end of the call."""
        self._record.ended(self._number, self._due, status)
