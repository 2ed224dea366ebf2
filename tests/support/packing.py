"""Packing of completions, without the waits of a running system."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from shared.domain.catalogue import Catalogue
from shared.domain.instant import DAY, Instant
from shared.operations.goals.pack_completions import past_periods_before
from shared.postgres.connection import Connection
from shared.postgres.database import Database
from shared.postgres.goals import settled_completions
from tests.support.databases import connected, soon

LATER = 80 * 365 * DAY
"""Everything was claimed before."""


def pack_all(
    database: Database,
    catalogue: Catalogue,
    user_ids: Iterable[str],
    now: Instant,
    fewest: settled_completions.Fewest = settled_completions.ANY,
) -> int:
    """Pack what these players have claimed of the lifetime and periods that are over, and return the number."""
    before = past_periods_before(catalogue, now)

    def pack(connection: Connection, user_id: str) -> int:
        return settled_completions.pack(connection, user_id, LATER, before, fewest)

    return sum(database.transact(partial(pack, user_id=user_id), soon()) for user_id in user_ids)


def completions_by_table(database_url: str) -> tuple[int, int]:
    """Return the numbers of completions that are rows of their own, and that are packed."""
    with connected(database_url) as connection:
        row = connection.execute(
            "SELECT (SELECT count(*) FROM completion),"
            " (SELECT coalesce(sum(cardinality(goal_ids)), 0)::bigint FROM settled_completion)",
            binary=True,
        ).fetchone()
    assert row is not None
    return int(row[0]), int(row[1])


_SETTLE = (
    b"UPDATE reward_outbox SET state = 'GRANTED', settle_time = due_time"
    b" WHERE state = 'PENDING' AND starts_with(user_id, $1) RETURNING 1"
)


def settle_all(database: Database, prefix: str) -> None:
    """Let the grants of players whose ids begin so be delivered, as far as the database knows."""
    database.autocommit(lambda connection: connection.execute(_SETTLE, (prefix,)).fetchall(), soon())
