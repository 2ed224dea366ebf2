"""Committing a batch of events, and isolating those that the database refuses for their content.

A refused batch is split until each refused event stands alone. That alone does not prove the event to be at fault: a
constraint or a statement that is wrong refuses everybody's events, and a caller who is told INVALID throws good ones
away. So a control event is tried, a copy with nothing in it that a caller chose. If the database accepts the control,
the event's content is at fault and it is INVALID. Otherwise the fault is ours, and the event's outcome is unknown.

An event that raises any other exception is isolated in the same way, so that it does not fail the others of its batch.
That fault is always ours: its outcome stays unknown.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

from shared.domain.catalogue import Catalogue
from shared.domain.errors import ChallengeError
from shared.domain.events import CONTROL_ID, CompletionKey, Event, Outcome, Verdict
from shared.domain.grants import NO_ROUTES, Granting, Routes
from shared.domain.standings import record_of
from shared.operations.events.apply_events import Applied, apply_events, is_written
from shared.operations.statistics.standing_changes import ScoreChanges, StandingChanges
from shared.postgres.connection import Connection
from shared.postgres.database import Database
from shared.postgres.events.ledger import SeenBefore, raising_seen_before
from shared.postgres.sqlstates import ContentRefused
from shared.runtime.clock import Clock, system_clock

log = logging.getLogger(__name__)

PARTS = 4
"""Parts into which a refused batch is split. Finding one event of 1,000 takes as many transactions as with halves, but
the work done in vain is a third of the batch instead of the whole batch."""

_REFUSED = Outcome(Verdict.INVALID, reason="event: is refused by the database")


class Flush:
    """The flush of one batch of events."""

    def __init__(
        self,
        database: Database,
        catalogue: Catalogue,
        deadline: float,
        *,
        keep_content: bool = False,
        routes: Routes = NO_ROUTES,
        queue_clock: Clock = system_clock,
        expect_unseen: bool = True,
        events_carry_present: bool = False,
    ) -> None:
        """`catalogue` is the version that has accepted the events; `deadline` is in monotonic seconds.

        With `keep_content` the ledger keeps the events for audit. `routes` name the providers of rewards that are
        claimed automatically, at the time of `queue_clock`. `expect_unseen` saves a round trip if no event is a
        duplicate, and costs a transaction that is rolled back if one is. With `events_carry_present`, which is for the
        development clock, rewards can be claimed automatically that could be at the time of the last event.
        """
        self._database = database
        self._catalogue = catalogue
        self._deadline = deadline
        self._keep_content = keep_content
        self._routes = routes
        self._queue_clock = queue_clock
        self._expect_unseen = expect_unseen
        self._events_carry_present = events_carry_present
        self.score_changes: list[ScoreChanges] = []
        """The committed changes of scores on leaderboards, also if the flush failed afterwards."""
        self.splits = 0
        """Number of times that a refused part of the batch was split."""
        self.duplicates_found = False
        """An event was a duplicate, or of a day that the ledger does not hold any more."""

    def run(self, events: Sequence[Event]) -> Sequence[Outcome | None]:
        """Apply the events in one transaction and return one outcome per event, in order. They are committed by then.

        `events` have passed `judge` and are wanted (`shared.domain.acceptance`). If the database refuses some for their
        content, all others are applied nevertheless; the refused ones are INVALID, or None where the fault is ours and
        the outcome unknown.

        Raise `DatabaseUnavailable`, `DeadlineExceeded` or `Overloaded`: then all outcomes are unknown until the same
        events are sent again.
        """
        try:
            return self._apply_unseen(events) if self._expect_unseen else self._apply(events)
        except ChallengeError:
            raise
        except Exception as refusal:
            if len(events) > 1 and not self._accepts_any_stat(events):
                # Splitting thousands down to single events would find nothing that this does not say.
                _log_fault(refusal)
                return [None] * len(events)
            return self._isolate(events, refusal)

    def _apply_unseen(self, events: Sequence[Event]) -> Sequence[Outcome]:
        """Count the events in the round trip that looks for duplicates. If there are some, start again without them."""
        try:
            return self._apply(events, expect_unseen=True)
        except SeenBefore:
            return self._apply(events)

    def _apply(self, events: Sequence[Event], *, expect_unseen: bool = False) -> Sequence[Outcome]:
        work = self._execute_unseen if expect_unseen else self._execute
        applied = self._database.transact(
            lambda connection: work(connection, events),
            self._deadline,
            written=is_written,
        )
        if applied.changes is not None:
            self.score_changes.append(applied.changes)
        self.duplicates_found = self.duplicates_found or applied.duplicates_found
        return applied.outcomes

    def _execute_unseen(self, connection: Connection, events: Sequence[Event]) -> Applied:
        with raising_seen_before(connection):
            return self._execute(connection, events, expect_unseen=True)

    def _execute(self, connection: Connection, events: Sequence[Event], *, expect_unseen: bool = False) -> Applied:
        return apply_events(
            connection,
            self._catalogue,
            events,
            Granting(self._queue_clock(), self._routes),
            now=max(event.time for event in events) if self._events_carry_present else None,
            keep_content=self._keep_content,
            expect_unseen=expect_unseen,
        )

    def _isolate(self, events: Sequence[Event], refusal: Exception) -> Sequence[Outcome | None]:
        """Split a refused part and apply what the database accepts of it."""
        if len(events) == 1:
            return [self._verdict(events[0], refusal)]
        self.splits += 1
        size = -(-len(events) // PARTS)
        outcomes: list[Outcome | None] = []
        for start in range(0, len(events), size):
            part = events[start : start + size]
            try:
                outcomes += self._apply(part)
            except ChallengeError:
                raise
            except Exception as of_part:
                outcomes += self._isolate(part, of_part)
        return outcomes

    def _verdict(self, event: Event, refusal: Exception) -> Outcome | None:
        """Return the verdict on an event that was refused alone; None where the fault is ours."""
        if not isinstance(refusal, ContentRefused) or not self._accepts_control(event):
            _log_fault(refusal)
            return None
        evidence = {"user_id": event.user_id, **refusal.evidence}
        log.warning("event rejected by the database", extra=evidence)
        log.debug("rejected event", extra={"event": event, "detail": refusal.detail})
        return _REFUSED

    def _accepts_any_stat(self, events: Sequence[Event]) -> bool:
        return any(map(self._accepts_control, {event.stat: event for event in events}.values()))

    def _accepts_control(self, event: Event) -> bool:
        """Return whether the database accepts a control, an event like this one. Leaves no trace.

        The controls have the same stat and time under ids of our own: one has the amounts of the event, one the least.
        """
        same_amounts = event._replace(event_id=CONTROL_ID, user_id=CONTROL_ID)
        least = same_amounts._replace(
            delta=None if event.delta is None else 1,
            value=None if event.value is None else 1,
        )
        return self._accepts(same_amounts) or self._accepts(least)

    def _accepts(self, control: Event) -> bool:
        try:
            self._database.rehearse(lambda connection: self._rehearse(connection, control), self._deadline)
        except ChallengeError:
            raise
        except Exception:
            return False
        return True

    def _rehearse(self, connection: Connection, control: Event) -> None:
        """Execute every statement that an event of this stat may need."""
        self._execute(connection, [control])
        of_stat = (goal for goal in self._catalogue.goals.values() if goal.stat == control.stat and not goal.suspended)
        for goal in {goal.schedule: goal for goal in of_stat}.values():
            period = goal.schedule.period_at(control.time)
            if period is not None:
                key = CompletionKey(control.user_id, goal.id, period.start, 1)
                changes = StandingChanges(self._catalogue, control.time)
                changes.complete(connection, {key: record_of(goal, control.time, None)})
                changes.store(connection)


def _log_fault(refusal: Exception) -> None:
    if not isinstance(refusal, ContentRefused):
        log.error("unhandled exception in a flush", exc_info=refusal)
        return
    log.error("database rejects events regardless of their content", extra=refusal.evidence)
    log.debug("rejected event", extra={"detail": refusal.detail})
