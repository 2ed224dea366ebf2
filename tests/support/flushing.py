"""Flushes without an event handler around them."""

from __future__ import annotations

from collections.abc import Sequence

from shared.domain.catalogue import Catalogue
from shared.domain.events import Event, Outcome
from shared.operations.events.flush import Flush
from shared.postgres.database import Database


def flush(
    database: Database, catalogue: Catalogue, events: Sequence[Event], deadline: float, *, keep_content: bool = False
) -> list[Outcome | None]:
    """Commit events, and return one outcome per event; None where it is unknown."""
    return list(Flush(database, catalogue, deadline, keep_content=keep_content).run(events))
