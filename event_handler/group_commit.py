"""Group commit: events that arrive during a commit are committed together by the next one.

The buffer between callers and writer is bounded. Events that do not fit are refused at once, or wait if their caller
would rather be held up than refused.

A batch belongs to one catalogue, the version that accepted its events, even if a newer one has replaced it since: one
version judges a call from its acceptance to its response.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from copy import copy
from operator import attrgetter
from typing import TypeAlias

from shared.domain.catalogue import Catalogue
from shared.domain.errors import ChallengeError, DatabaseUnavailable, DeadlineExceeded, Overloaded, ShuttingDown
from shared.domain.events import Event, Outcome
from shared.runtime.batching_writer import BatchingWriter

log = logging.getLogger(__name__)

FLUSH_EVENTS_MAX = 2_000
"""Events in one transaction. Beyond this a longer batch saves nothing more and only holds its locks longer."""
FLUSH_DEADLINE_MAX_S = 10.0
"""Time limit of one flush in seconds. Callers wait at most until their own deadlines."""
FLUSH_DEADLINE_MIN_S = 0.5
"""Least time limit of one flush in seconds. If flushes were given up within milliseconds because all their callers are
impatient, all would be in vain; once one is finished, the callers' next attempt is a duplicate."""
REMAINING_MIN_S = 0.002
"""Least remaining time in seconds to accept events: a commit takes longer."""

_NOT_COMMITTED = "the events could not be committed"

Reply: TypeAlias = Sequence[Outcome] | ChallengeError
"""The result for one caller: an outcome for each of its events, or the error that its call ends in."""


Flush: TypeAlias = Callable[[Catalogue, Sequence[Event], float], Sequence[Outcome | None]]
"""Commits events that the catalogue has accepted, by a deadline in monotonic seconds.

Returns one outcome per event, in order; None where it is unknown."""


class Submission:
    """Events that wait for their commit, and the thread that waits with them."""

    __slots__ = ("_done", "_reply", "accepted_by", "deadline", "events")

    def __init__(self, accepted_by: Catalogue, events: Sequence[Event], deadline: float) -> None:
        """`accepted_by` is the catalogue that has accepted the events; `deadline` is in monotonic seconds."""
        self.accepted_by = accepted_by
        self.events = events
        self.deadline = deadline
        self._reply: Sequence[Outcome] | ChallengeError = ()
        # A bare lock is the cheapest thing that one thread can wait on and another can release.
        self._done = threading.Lock()
        self._done.acquire()

    def reply(self, reply: Sequence[Outcome] | ChallengeError) -> None:
        """Wake the caller: the events are committed with these outcomes, or an error says why that is not known."""
        self._reply = reply
        self._done.release()

    def wait(self) -> Sequence[Outcome]:
        """Wait for the commit, and return the outcomes, one per event, in order.

        Raise the error that the flush ended in, or `DeadlineExceeded`, after which the events may still be committed.
        """
        if not self._done.acquire(timeout=max(0.0, self.deadline - time.monotonic())):
            raise DeadlineExceeded("the events were not committed in time; the outcome is unknown")
        reply = self._reply
        if isinstance(reply, ChallengeError):
            # Each caller raises a copy: all callers of a batch share the error, and a traceback grows.
            raise copy(reply) from reply
        return reply


class GroupCommit(BatchingWriter[Submission, list[Reply]]):
    """The buffer of the event handler, and the thread that commits it."""

    def __init__(self, flush: Flush, *, buffer_events_max: int) -> None:
        """`buffer_events_max` bounds the number of events that wait or are being committed."""
        super().__init__(
            "writer",
            size_max=buffer_events_max,
            batch_size_max=FLUSH_EVENTS_MAX,
            # One flush commits events under one catalogue.
            group_of=attrgetter("accepted_by"),
        )
        self._flush = flush

    def submit(
        self,
        accepted_by: Catalogue,
        events: Sequence[Event],
        deadline: float,
        *,
        patient: bool = False,
        waits: bool = False,
    ) -> Submission:
        """Buffer events to be committed by `deadline`, in monotonic seconds, and return the submission to wait for.

        `accepted_by` is the catalogue that has accepted them. Raise `ShuttingDown` after `close`, and `Overloaded`
        if the events do not fit; a patient caller waits for room until the deadline. Raise `DeadlineExceeded` if no
        time is left. A caller who `waits` at once for the submission may find it done already.
        """
        remaining_s = deadline - time.monotonic()
        if remaining_s < REMAINING_MIN_S:
            raise DeadlineExceeded("there is no time left to commit the events")
        submission = Submission(accepted_by, events, deadline)
        # A flush has at least `FLUSH_DEADLINE_MIN_S`, which must not hold the caller beyond the deadline.
        write = waits and remaining_s > FLUSH_DEADLINE_MIN_S
        if not self._put(submission, len(events), wait_until=deadline if patient else None, write=write):
            raise ShuttingDown if self._closing else Overloaded("the event buffer is full")
        return submission

    def _write(self, batch: list[Submission]) -> list[Reply]:
        """Commit the events whose callers still wait."""
        now = time.monotonic()
        awaited = [submission for submission in batch if submission.deadline > now]
        replies = iter(self._commit(awaited, now) if awaited else ())
        return [
            next(replies) if submission.deadline > now else DeadlineExceeded("the events were not committed in time")
            for submission in batch
        ]

    def _written(self, batch: list[Submission], result: list[Reply]) -> None:
        """Wake the callers of a batch with their replies, one per submission."""
        for submission, reply in zip(batch, result, strict=True):
            submission.reply(reply)

    def _commit(self, batch: Sequence[Submission], now: float) -> list[Reply]:
        """Flush a batch under the latest deadline of its submissions, and return one reply per submission.

        Any error is the reply of all of them. `now`, in monotonic seconds, bounds the deadline from both sides.
        """
        events = [event for submission in batch for event in submission.events]
        latest = max(submission.deadline for submission in batch)
        deadline = min(max(latest, now + FLUSH_DEADLINE_MIN_S), now + FLUSH_DEADLINE_MAX_S)
        try:
            outcomes = self._flush(batch[0].accepted_by, events, deadline)
        except ChallengeError as error:
            return [error] * len(batch)
        except Exception:
            # The writer survives: these callers may repeat their events, and the next batch gets its turn.
            log.exception("unhandled exception in a flush", extra={"events": len(events)})
            return [DatabaseUnavailable(_NOT_COMMITTED)] * len(batch)
        return _replies(batch, outcomes)


def _replies(batch: Sequence[Submission], outcomes: Sequence[Outcome | None]) -> list[Reply]:
    """Return each submission's part of the outcomes, or an error if any of its outcomes is unknown."""
    replies: list[Reply] = []
    start = 0
    for submission in batch:
        end = start + len(submission.events)
        known = [outcome for outcome in outcomes[start:end] if outcome is not None]
        replies.append(known if len(known) == end - start else DatabaseUnavailable(_NOT_COMMITTED))
        start = end
    return replies
