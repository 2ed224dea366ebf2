"""One caller's events on their way through the buffer."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from copy import copy

from shared.domain.catalogue import Catalogue
from shared.domain.errors import ChallengeError, DeadlineExceeded
from shared.domain.events import Event, Outcome


class Submission:
    """Events that wait for their commit, and the thread that waits with them."""

    __slots__ = ("_done", "_error", "_outcomes", "deadline", "events", "judged_by", "submit_time")

    def __init__(self, judged_by: Catalogue, events: Sequence[Event], deadline: float) -> None:
        """`judged_by` is the catalogue that has accepted the events; `deadline` is in monotonic seconds."""
        self.judged_by = judged_by
        self.events = events
        self.deadline = deadline
        self.submit_time = time.monotonic()
        self._outcomes: Sequence[Outcome] = ()
        self._error: ChallengeError | None = None
        # A bare lock is the cheapest thing that one thread can wait on and another can release.
        self._done = threading.Lock()
        self._done.acquire()

    def resolve(self, outcomes: Sequence[Outcome]) -> None:
        """The events are committed."""
        self._outcomes = outcomes
        self._done.release()

    def fail(self, error: ChallengeError) -> None:
        """The events are not committed, or nobody knows."""
        self._error = error
        self._done.release()

    def wait(self) -> Sequence[Outcome]:
        """The outcomes, one per event, in order.

        Raises what the flush failed with, or `DeadlineExceeded`, after which the events may still be committed.
        """
        if not self._done.acquire(timeout=max(0.0, self.deadline - time.monotonic())):
            raise DeadlineExceeded("the events were not committed in time; the outcome is unknown")
        if self._error is not None:
            # Each caller raises one of its own: all callers of a batch share the error, and a traceback grows.
            raise copy(self._error) from self._error
        return self._outcomes
