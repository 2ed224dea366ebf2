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

    __slots__ = ("_answer", "_done", "deadline", "events", "judged_by")

    def __init__(self, judged_by: Catalogue, events: Sequence[Event], deadline: float) -> None:
        """`judged_by` is the catalogue that has accepted the events; `deadline` is in monotonic seconds."""
        self.judged_by = judged_by
        self.events = events
        self.deadline = deadline
        self._answer: Sequence[Outcome] | ChallengeError = ()
        # A bare lock is the cheapest thing that one thread can wait on and another can release.
        self._done = threading.Lock()
        self._done.acquire()

    def answer(self, answer: Sequence[Outcome] | ChallengeError) -> None:
        """Wake the caller: the events are committed with these outcomes, or an error says why that is not known."""
        self._answer = answer
        self._done.release()

    def wait(self) -> Sequence[Outcome]:
        """Wait for the commit, and return the outcomes, one per event, in order.

        Raise the error that the flush ended in, or `DeadlineExceeded`, after which the events may still be committed.
        """
        if not self._done.acquire(timeout=max(0.0, self.deadline - time.monotonic())):
            raise DeadlineExceeded("the events were not committed in time; the outcome is unknown")
        answer = self._answer
        if isinstance(answer, ChallengeError):
            # Each caller raises a copy: all callers of a batch share the error, and a traceback grows.
            raise copy(answer) from answer
        return answer
