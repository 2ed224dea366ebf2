"""Group commit: a writer commits together whatever has arrived while it was committing.

There is no timer. A lone event is committed at once; under load, batches grow by themselves until the database is the
limit. The buffer between callers and writer is bounded, and what does not fit is refused at once, or waits if its
caller would rather be held up than refused.

A batch belongs to one catalogue, the one that its events were accepted by, even if a newer one has taken its place
since: a call is judged by one version from its acceptance to its answer.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence

from event_handler.submission import Submission
from shared.domain.catalogue import Catalogue
from shared.domain.errors import ChallengeError, DatabaseUnavailable, DeadlineExceeded, Overloaded, ShuttingDown
from shared.domain.events import Event, Outcome

log = logging.getLogger(__name__)

Flush = Callable[[Catalogue, Sequence[Event], float], Sequence[Outcome | None]]
"""Commits events, judged by a catalogue, by a deadline in monotonic seconds; one outcome per event, in order, or None
where it is unknown."""

_NOT_COMMITTED = "the events could not be committed"

FLUSH_EVENTS_MAX = 2_000
"""Events in one transaction. Beyond this a longer batch saves nothing more and only holds its locks longer."""
FLUSH_DEADLINE_MAX_S = 10.0
"""How long one flush may try. Callers wait at most until their own deadlines."""


class GroupCommit:
    """A bounded buffer and the writer thread that empties it."""

    def __init__(self, flush: Flush, *, buffer_events_max: int, linger_s: float = 0.0) -> None:
        """With `linger_s`, a batch that is not full waits so long for more: fewer commits, later answers."""
        self._flush = flush
        self._buffer_events_max = buffer_events_max
        self._linger_s = linger_s
        self._buffer: deque[Submission] = deque()
        self._buffered_events = 0
        self._closing = False
        self._lock = threading.Lock()
        self._arrived = threading.Condition(self._lock)
        self._drained = threading.Condition(self._lock)
        self._writer = threading.Thread(target=self._write_until_closed, name="writer", daemon=True)

    def start(self) -> None:
        """Start the writer."""
        self._writer.start()

    def submit(
        self, judged_by: Catalogue, events: Sequence[Event], deadline: float, *, patient: bool = False
    ) -> Submission:
        """Put events into the buffer, to be committed by `deadline`, in monotonic seconds.

        `judged_by` is the catalogue that has accepted them.
        Raises `ShuttingDown` after `close`, and `Overloaded` if the events do not fit; a patient caller waits for room
        until the deadline.
        """
        submission = Submission(judged_by, events, deadline)
        with self._lock:
            while not self._closing and self._buffered_events + len(events) > self._buffer_events_max:
                if not patient or not self._drained.wait(deadline - time.monotonic()):
                    raise Overloaded("the event buffer is full")
            if self._closing:
                raise ShuttingDown
            self._buffered_events += len(events)
            self._buffer.append(submission)
            self._arrived.notify()
        return submission

    def close(self, timeout_s: float) -> None:
        """Take no more events, and commit and answer what was accepted."""
        with self._lock:
            self._closing = True
            self._arrived.notify()
            self._drained.notify_all()
        self._writer.join(timeout_s)

    @property
    def buffered_events(self) -> int:
        """How many events wait or are being committed."""
        return self._buffered_events

    @property
    def oldest_wait_s(self) -> float:
        """How long the oldest submission in the buffer has waited, in seconds; 0 if it is empty."""
        with self._lock:
            return time.monotonic() - self._buffer[0].submit_time if self._buffer else 0.0

    def _write_until_closed(self) -> None:
        while batch := self._next_batch():
            self._commit(batch)

    def _next_batch(self) -> list[Submission]:
        """What waits for the same catalogue, up to FLUSH_EVENTS_MAX; waits for the first. Empty when closed."""
        batch: list[Submission] = []
        size = 0
        with self._lock:
            while not self._buffer and not self._closing:
                self._arrived.wait()
            if self._linger_s:
                self._arrived.wait_for(self._is_worth_flushing, self._linger_s)
            while self._buffer and (not batch or self._next_fits(batch[0], size)):
                submission = self._buffer.popleft()
                size += len(submission.events)
                batch.append(submission)
        return batch

    def _next_fits(self, first: Submission, size: int) -> bool:
        following = self._buffer[0]
        return following.judged_by is first.judged_by and size + len(following.events) <= FLUSH_EVENTS_MAX

    def _is_worth_flushing(self) -> bool:
        return self._closing or self._buffered_events >= FLUSH_EVENTS_MAX

    def _commit(self, batch: Sequence[Submission]) -> None:
        now = time.monotonic()
        awaited = [submission for submission in batch if submission.deadline > now]
        outcome: Sequence[Outcome | None] | ChallengeError = ()
        if awaited:
            outcome = self._outcome(awaited, now)
        # Room is made before anybody is answered: a caller that comes back at once finds it.
        with self._lock:
            self._buffered_events -= sum(len(submission.events) for submission in batch)
            self._drained.notify_all()
        for submission in batch:
            if submission.deadline <= now:
                submission.fail(DeadlineExceeded("the events were not committed in time"))
        _answer(awaited, outcome)

    def _outcome(self, batch: Sequence[Submission], now: float) -> Sequence[Outcome | None] | ChallengeError:
        """Flush, and answer the outcomes of all events, or why there are none."""
        events = [event for submission in batch for event in submission.events]
        latest = max(submission.deadline for submission in batch)
        try:
            return self._flush(batch[0].judged_by, events, min(latest, now + FLUSH_DEADLINE_MAX_S))
        except ChallengeError as error:
            return error
        except Exception:
            # The writer outlives a bug: these callers hear that the outcome is unknown, the next batch gets its turn.
            log.exception("a flush failed", extra={"events": len(events)})
            return DatabaseUnavailable(_NOT_COMMITTED)


def _answer(batch: Sequence[Submission], outcome: Sequence[Outcome | None] | ChallengeError) -> None:
    start = 0
    for submission in batch:
        if isinstance(outcome, ChallengeError):
            submission.fail(outcome)
            continue
        end = start + len(submission.events)
        known = [each for each in outcome[start:end] if each is not None]
        if len(known) == len(submission.events):
            submission.resolve(known)
        else:
            submission.fail(DatabaseUnavailable(_NOT_COMMITTED))
        start = end
