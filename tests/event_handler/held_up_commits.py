"""A group commit whose store can hold up its commits."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from queue import SimpleQueue

from event_handler.group_commit import GroupCommit, Submission
from shared.domain.catalogue import Catalogue
from shared.domain.events import Event, Outcome, Verdict
from tests.support.databases import PATIENCE_S, soon
from tests.support.goals import catalogue_of, goal
from tests.support.strategies import KILLS

CATALOGUE = catalogue_of(goal())
BUFFER = 100
REFUSED_ID, UNKNOWN_ID = "refused", "unknown"


class Store:
    """A store that records the batches, and waits before each commit while it is held up."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.accepted_by: list[Catalogue] = []
        self.deadlines: list[float] = []
        self.committing: SimpleQueue[int] = SimpleQueue()
        """Receives the size of each batch before it is committed."""
        self.open = threading.Event()
        self.open.set()
        self.failures: list[Exception] = []
        """Exceptions to raise, one per commit, instead of committing."""

    def flush(self, accepted_by: Catalogue, events: Sequence[Event], deadline: float) -> list[Outcome | None]:
        self.accepted_by.append(accepted_by)
        self.deadlines.append(deadline)
        self.committing.put(len(events))
        assert self.open.wait(PATIENCE_S)
        if self.failures:
            raise self.failures.pop(0)
        self.batches.append([event.event_id for event in events])
        return [
            Outcome(Verdict.INVALID if event.event_id == REFUSED_ID else Verdict.APPLIED, reason=event.event_id)
            if event.event_id != UNKNOWN_ID
            else None
            for event in events
        ]

    def hold_up(self, group_commit: GroupCommit) -> Submission:
        """Let the writer begin a commit and not end it, and return the submission in it."""
        self.open.clear()
        first = group_commit.submit(CATALOGUE, events_named("first"), soon())
        assert self.committing.get(timeout=PATIENCE_S) == 1
        return first


def events_named(*ids: str) -> list[Event]:
    """Return events with these ids."""
    return [Event(event_id, "player", 0, KILLS, delta=1) for event_id in ids]


@contextmanager
def writing(store: Store, buffer_events_max: int = BUFFER) -> Iterator[GroupCommit]:
    """Return a group commit with a running writer."""
    group_commit = GroupCommit(store.flush, buffer_events_max=buffer_events_max)
    group_commit.start()
    try:
        yield group_commit
    finally:
        store.open.set()
        group_commit.close(PATIENCE_S)


def reasons(submission: Submission) -> list[str]:
    """Return the ids that the outcomes were made for."""
    return [outcome.reason for outcome in submission.wait()]
