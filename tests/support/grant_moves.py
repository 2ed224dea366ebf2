"""Moves of settled grants to the history, without the waits of a running system."""

from __future__ import annotations

from shared.domain.instant import DAY, Instant
from shared.operations.rewards.move_grants import GrantMoves
from shared.postgres.database import Database
from tests.support.databases import connected

KEPT = 1


def let_grants_move(database_url: str) -> None:
    """Let the history be as old as grants, so that the duty begins."""
    with connected(database_url) as connection:
        connection.execute("UPDATE grant_history SET begin_time = '2000-01-01 00:00:00+00'")


def move_all(database: Database, now: Instant, *, retention_d: int = 0) -> int:
    """Move what was settled before `now`, and return the number of grants."""
    return GrantMoves(database, KEPT, retention_d * DAY, lambda _: False).one_pass(now + KEPT)


def grants_by_table(database_url: str) -> tuple[int, int]:
    """Return the numbers of grants in the outbox and in the history."""
    with connected(database_url) as connection:
        row = connection.execute(
            "SELECT (SELECT count(*) FROM reward_outbox), (SELECT count(*) FROM settled_grant)", binary=True
        ).fetchone()
    assert row is not None
    return int(row[0]), int(row[1])
