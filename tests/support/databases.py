"""Access to a test's database: connections, the system's pool, and operations on it."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from shared.domain.catalogue import Catalogue
from shared.domain.events import Event, Outcome
from shared.domain.goal import Goal
from shared.domain.instant import Instant
from shared.domain.progress import GoalStatus, goal_status
from shared.operations.goals.view_player import view_player
from shared.postgres.connection import Connection
from shared.postgres.database import Database
from shared.postgres.session_options import connect_arguments
from tests.support.flushing import flush

PATIENCE_S = 60.0
"""Seconds that suffice for any operation that works."""


def soon(seconds: float = PATIENCE_S) -> float:
    """Return a deadline in monotonic seconds."""
    return time.monotonic() + seconds


@contextmanager
def connected(url: str) -> Iterator[Connection]:
    """Open a connection with the pool's options, in autocommit mode."""
    with Connection.connect(url, **connect_arguments(url, 5, "tests")) as connection:
        yield connection


@contextmanager
def opened(url: str, pool_size: int = 4) -> Iterator[Database]:
    """Open the system's connection pool. It opens connections on demand: most tests need one, which prepares once."""
    database = Database(url, pool_size=pool_size, application_name="tests", kept=1)
    database.open()
    try:
        yield database
    finally:
        database.close()


def flushed(
    database: Database, catalogue: Catalogue, events: Sequence[Event], now: Instant | None = None
) -> list[Outcome]:
    """Flush the events and return their outcomes, which must all be known. `now` is the time of automatic claims."""
    outcomes = flush(database, catalogue, events, soon(), now=now)
    known = [outcome for outcome in outcomes if outcome is not None]
    assert len(known) == len(outcomes)
    return known


def status_of(database: Database, catalogue: Catalogue, user_id: str, goal: Goal) -> GoalStatus:
    """Return the goal's current status for the player."""
    return goal_status(goal, view_player(database, user_id, soon()), catalogue)
