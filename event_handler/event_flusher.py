"""Flushes of the event handler: committed, measured, and their changed scores handed on to Redis."""

from __future__ import annotations

import time
from collections.abc import Sequence

from event_handler.score_writer import ScoreWriter
from event_handler.telemetry import EventTelemetry
from shared.domain.catalogue import Catalogue
from shared.domain.events import Event, Outcome
from shared.domain.grants import NO_ROUTES, Routes
from shared.operations.events.flush import Flush
from shared.postgres.database import Database
from shared.runtime.clock import Clock, system_clock

EXPECT_UNSEEN_AFTER = 32
"""Flushes without a duplicate after which the next ones are expected to have none. Duplicates come together, when a
caller repeats what it sent before an outage; each flush that meets them unexpectedly is done twice."""


class EventFlusher:
    """Commits batches of events to the database."""

    def __init__(
        self,
        database: Database,
        telemetry: EventTelemetry,
        scores: ScoreWriter | None,
        *,
        keep_content: bool = False,
        routes: Routes = NO_ROUTES,
        queue_clock: Clock = system_clock,
        events_carry_present: bool = False,
    ) -> None:
        """Without `scores` nothing is written to Redis. With `keep_content` the ledger keeps the events for audit.

        `routes` name the providers of rewards that are claimed automatically, at the time of `queue_clock`.
        `events_carry_present` is for the development clock, see `Flush`.
        """
        self._database = database
        self._telemetry = telemetry
        self._scores = scores
        self._keep_content = keep_content
        self._routes = routes
        self._queue_clock = queue_clock
        self._events_carry_present = events_carry_present
        # Flushes run in several threads, and none minds an old number.
        self._flushes_without_duplicates = EXPECT_UNSEEN_AFTER

    def flush(self, accepted_by: Catalogue, events: Sequence[Event], deadline: float) -> Sequence[Outcome | None]:
        """Commit events that `accepted_by` has accepted, and return one outcome per event; None where it is unknown.

        `deadline` is in monotonic seconds. Raises as `Flush.run` does.
        """
        flush = Flush(
            self._database,
            accepted_by,
            deadline,
            keep_content=self._keep_content,
            routes=self._routes,
            queue_clock=self._queue_clock,
            events_carry_present=self._events_carry_present,
            expect_unseen=self._flushes_without_duplicates >= EXPECT_UNSEEN_AFTER,
        )
        started = time.monotonic()
        try:
            outcomes = flush.run(events)
        except Exception:
            self._telemetry.flush_failed()
            raise
        finally:
            # Parts of a batch may be committed even if the rest of it failed.
            self._telemetry.split(flush.splits)
            self._hand_on_scores(accepted_by, flush)
        self._flushes_without_duplicates = 0 if flush.duplicates_found else self._flushes_without_duplicates + 1
        self._telemetry.flushed(outcomes, time.monotonic() - started)
        return outcomes

    def _hand_on_scores(self, accepted_by: Catalogue, flush: Flush) -> None:
        if self._scores is not None:
            for changes in flush.score_changes:
                self._scores.submit(accepted_by, changes)
