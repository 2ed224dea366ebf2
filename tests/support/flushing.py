"""Flushes without an event handler around them."""

from __future__ import annotations

from collections.abc import Sequence

from shared.domain.catalogue import Catalogue
from shared.domain.events import Event, Outcome
from shared.domain.instant import Instant
from shared.operations.events.flush import Flush
from shared.postgres.database import Database


def flush(
    database: Database,
    catalogue: Catalogue,
    events: Sequence[Event],
    deadline: float,
    *,
    keep_content: bool = False,
    now: Instant | None = None,
) -> list[Outcome | None]:
    """Commit events, and return one outcome per event; None where it is unknown.

    What is claimed automatically is claimed at `now`, by default at the time of the last event.
    """
    claim_time = max(event.time for event in events) if now is None else now
    flush = Flush(database, catalogue, deadline, keep_content=keep_content, queue_clock=lambda: claim_time)
    return list(flush.run(events))
