"""Ways to a test's database: a connection as the system uses it, and the system's own pool."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from shared.domain.catalogue import Catalogue, Goal
from shared.domain.events import Event, Outcome
from shared.domain.progress import GoalStatus, goal_status
from shared.operations.goals.view_player import view_player
from shared.postgres.connection import Connection, connect_arguments
from shared.postgres.database import Database
from tests.support.flushing import flush

PATIENCE_S = 20.0
"""Longer than anything takes that works."""


def soon(seconds: float = PATIENCE_S) -> float:
    """A deadline in monotonic seconds."""
    return time.monotonic() + seconds


@contextmanager
def connected(url: str) -> Iterator[Connection]:
    """A connection like those of the pool, in autocommit."""
    with Connection.connect(url, **connect_arguments(5, "tests")) as connection:
        yield connection


@contextmanager
def opened(url: str, pool_size: int = 4) -> Iterator[Database]:
    """The system's pool."""
    database = Database(url, pool_size=pool_size, application_name="tests")
    database.open()
    try:
        yield database
    finally:
        database.close()


def flushed(database: Database, catalogue: Catalogue, events: Sequence[Event]) -> list[Outcome]:
    """The outcomes of a flush, all of which must be known."""
    outcomes = flush(database, catalogue, events, soon())
    known = [outcome for outcome in outcomes if outcome is not None]
    assert len(known) == len(outcomes)
    return known


def status_of(database: Database, catalogue: Catalogue, user_id: str, goal: Goal) -> GoalStatus:
    """The goal as the player has it now."""
    return goal_status(goal, view_player(database, user_id, soon()), catalogue)
