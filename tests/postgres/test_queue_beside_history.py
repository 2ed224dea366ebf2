"""Polls of the queue cost the same however many grants were ever settled."""

from __future__ import annotations

import json
from typing import Any

import pytest

from shared.postgres.connection import Connection
from shared.postgres.statements import statements
from tests.support.databases import connected

pytestmark = pytest.mark.slow

SETTLED = 200_000
QUEUED = b"""
INSERT INTO reward_outbox (
    user_id, goal_id, period_start, occurrence, claim_number, grant_id, state, provider,
    reward_type, reward_id, quantity, priority, attempts, lease_token, due_time, create_time
)
SELECT
    'waiting ' || number, 'goal', timestamptz 'epoch', 1, 1, gen_random_uuid(), 'PENDING', 'game',
    'ITEM', 'sword', 1, 1 + number % 9, 0, 0, timestamptz 'epoch', timestamptz 'epoch'
FROM generate_series(1, 500) AS number
"""
HISTORY = b"""
INSERT INTO settled_grant
SELECT
    gen_random_uuid(), timestamptz 'epoch', settled, settled, 1, 1, 1, 1, 1, 2, 5, 'player ' || number % 5000, 'goal',
    'GRANTED', 'game', 'ITEM', 'sword', 'request ' || number
FROM generate_series(1, $1::integer) AS number
CROSS JOIN LATERAL (SELECT now() - number % 600 * interval '1 day') AS age (settled)
"""
MAKE = (
    b"SELECT make_settled_grant_partition(now() - quarter * interval '80 days') FROM generate_series(0, 8) AS quarter"
)


def buffers(connection: Connection, name: str, *values: str) -> int:
    """Return the pages that a statement looks at, whether they are in memory or not. Nothing is stored."""
    text = statements()[name].text.decode()
    for number in range(len(values), 0, -1):
        text = text.replace(f"${number}", values[number - 1])
    connection.execute(b"BEGIN")
    row = connection.execute(b"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) " + text.encode()).fetchone()
    connection.execute(b"ROLLBACK")
    assert row is not None
    plan: dict[str, Any] = (row[0] if isinstance(row[0], list) else json.loads(row[0]))[0]["Plan"]
    return int(plan["Shared Hit Blocks"]) + int(plan["Shared Read Blocks"])


def test_polls_do_not_see_the_history(database_url: str) -> None:
    later = "4000000000000000"
    polls = {
        "lease_grants": ("'game'", later, "20", "'owner'", later),
        "take_stale_grants": ("'game'", later, "20", "'owner'", later),
        "lease_owners": ("'game'", "0"),
        "grants_left_to_move": (later, "100"),
    }
    with connected(database_url) as connection:
        connection.execute(QUEUED)
        connection.execute(b"VACUUM (ANALYZE) reward_outbox")
        for name, values in polls.items():
            buffers(connection, name, *values)
        before = {name: buffers(connection, name, *values) for name, values in polls.items()}
        connection.execute(MAKE)
        connection.execute(HISTORY, (SETTLED,))
        connection.execute(b"ANALYZE settled_grant")
        after = {name: buffers(connection, name, *values) for name, values in polls.items()}
    # Entries of leases that were rolled back are stepped over.
    assert all(after[name] <= before[name] + 40 for name in polls), (before, after)
    assert after["grants_left_to_move"] == before["grants_left_to_move"]
