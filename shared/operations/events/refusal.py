"""Events that the database refuses for their content: what becomes of them, and of those that came with them.

A batch that is refused is parted until each refused event stands alone. That alone proves nothing against the event: a
constraint or a statement that is wrong refuses everybody's events, and a caller who is told INVALID throws good ones
away. So a control is asked, an event like it with nothing in it that a caller chose. If the database takes that, the
event's content is at fault, and it is INVALID. If not, the fault is ours, and what became of the event is unknown.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from shared.domain.events import CONTROL_ID, Event, Outcome, Verdict
from shared.postgres.connection import Connection
from shared.postgres.database import Database
from shared.postgres.sqlstates import ContentRefused

log = logging.getLogger(__name__)

PARTS = 4
"""Into so many a refused batch is parted. One event of 1,000 is found in as many transactions as by halves, but what is
done in vain adds up to a third of the batch, not to all of it once more."""

_REFUSED = Outcome(Verdict.INVALID, reason="event: is refused by the database")

Apply = Callable[[Sequence[Event]], Sequence[Outcome]]
"""Applies events in one transaction; raises `ContentRefused`."""


def takes(database: Database, rehearse: Callable[[Connection, Event], object], event: Event, deadline: float) -> bool:
    """Whether the database takes events like this one. Leaves no trace.

    Controls are of the same stat and time, under ids of our own: one with the amounts of the event, and one with the
    least. `rehearse` does with one whatever may be done with the event.
    """
    as_it_is = event._replace(event_id=CONTROL_ID, user_id=CONTROL_ID)
    least = as_it_is._replace(
        delta=None if event.delta is None else 1,
        value=None if event.value is None else 1,
    )

    for control in (as_it_is, least):
        try:
            database.rehearse(lambda connection, control=control: rehearse(connection, control), deadline)  # type: ignore[misc]
        except ContentRefused:
            continue
        return True
    return False


def settle_refused(
    events: Sequence[Event],
    refusal: ContentRefused,
    apply: Apply,
    takes_like: Callable[[Event], bool],
    bisected: Callable[[], None],
) -> list[Outcome | None]:
    """What becomes of events that were refused together, one outcome each; None: unknown, by a fault of ours.

    `bisected` is told whenever some are parted.
    """

    def settled(part: Sequence[Event]) -> Sequence[Outcome | None]:
        try:
            return apply(part)
        except ContentRefused as refusal:
            return [_verdict(part[0], refusal, takes_like)] if len(part) == 1 else parted(part)

    def parted(part: Sequence[Event]) -> list[Outcome | None]:
        bisected()
        size = -(-len(part) // PARTS)
        return [outcome for start in range(0, len(part), size) for outcome in settled(part[start : start + size])]

    if len(events) == 1:
        return [_verdict(events[0], refusal, takes_like)]
    if not any(map(takes_like, {event.stat: event for event in events}.values())):
        # Parting thousands down to single events would find nothing that this does not say.
        _log_fault(refusal)
        return [None] * len(events)
    return parted(events)


def _verdict(event: Event, refusal: ContentRefused, takes_like: Callable[[Event], bool]) -> Outcome | None:
    if not takes_like(event):
        _log_fault(refusal)
        return None
    log.warning("the database refuses an event for its content", extra={"user_id": event.user_id, **refusal.evidence})
    log.debug("the event that was refused", extra={"event": event, "detail": refusal.detail})
    return _REFUSED


def _log_fault(refusal: ContentRefused) -> None:
    log.error("the database refuses events whatever their content", extra=refusal.evidence)
    log.debug("an event that was refused", extra={"detail": refusal.detail})
