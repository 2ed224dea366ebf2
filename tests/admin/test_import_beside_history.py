"""An import reads what it needs by keys, however much is stored of other players."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from tests.admin.site import Site
from tests.admin.test_import_claims import claimed
from tests.admin.test_player_import import take, write

pytestmark = pytest.mark.slow

OTHERS = 100_000
"""Rows of other players in each table."""
PLAYERS = 2_000
EPOCH = "1970-01-01T00:00:00Z"
FILLED = {
    "settled_grant": (
        "SELECT gen_random_uuid(), 'epoch', settled, settled, 1, 1, 1, 1, 1, 2, 5, 'other ' || p, 'goal', 'GRANTED',"
        " 'webhook', 'ITEM', 'sword', 'request'",
        "CROSS JOIN LATERAL (SELECT now() - p % 700 * interval '1 day') AS age (settled)",
    ),
    "completion (user_id, goal_id, period_start, occurrence, challenge_id)": (
        "SELECT 'other ' || p, 'goal', 'epoch', 1, 'arena'",
    ),
    "reopened_completion (user_id, goal_id, period_start, occurrence, claim_number, tags, points)": (
        "SELECT 'other ' || p, 'goal', 'epoch', 1, 0, '{}', 0",
    ),
    "tally (user_id, source, stat_code, schedule, period_start, sum, events, days, day_count)": (
        "SELECT 'other ' || p, 'derived', 'weapons', 'lifetime', 'epoch', 1, 1, '{}', 0",
    ),
    "distinct_value": ("SELECT 'other ' || p, 'lifetime', 'epoch', 'weapons', decode(md5('x'), 'hex')",),
    "standing (user_id, schedule, period_start, scope, scope_id, completed, claimed, points, version)": (
        "SELECT 'other ' || p, 'lifetime', 'epoch', 'all', '', 1, 1, 5, 1",
    ),
    "points_adjustment (user_id, adjustment_id, adjust_time, points, operator, reason)": (
        "SELECT 'other ' || p, gen_random_uuid(), now(), 5, 'ada', 'as asked'",
    ),
    "carried_completion (user_id, goal_id, challenge_id, tags, completed, claimed, granted, points, closed_before)": (
        "SELECT 'other ' || p, 'goal', 'arena', '{}', 1, 1, 1, 5, 'epoch'",
    ),
    "reward_outbox (user_id, goal_id, period_start, occurrence, claim_number, grant_id, state, provider, reward_type,"
    " reward_id, quantity, priority, attempts, lease_token, due_time, create_time, settle_time)": (
        "SELECT 'other ' || p, 'goal', 'epoch', 2, 1, gen_random_uuid(), 'GRANTED', 'game', 'ITEM', 'sword', 1, 5, 1,"
        " 1, now(), now(), now()",
    ),
    "player": ("SELECT 'other ' || p, 'UTC', now()",),
    "assignment": ("SELECT 'other ' || p, 'win', true, NULL, 0",),
    "player_import (user_id, import_name)": ("SELECT 'other ' || p, 'before'",),
    "event_seen": ("SELECT '2024-02-29', 'other ' || p, decode(md5('x'), 'hex')",),
}
"""The rows of a player p, by table."""
QUARTERS = "SELECT make_settled_grant_partition(now() - q * interval '80 days') FROM generate_series(0, 9) AS q"
READ_WHOLLY = (
    "SELECT relname, seq_scan, seq_tup_read FROM pg_stat_user_tables WHERE seq_tup_read >= %s ORDER BY relname"
)


def lines_of(number: int) -> Iterator[dict[str, Any]]:
    """Yield the lines of a player in the order of the tables."""
    user = {"user_id": f"player {number:05}"}
    derived = {"source": "derived", "stat_code": "weapons"}
    completion, grant = claimed(number, request_id="again")
    past = {"complete_time": "2023-05-01T00:00:00Z", "points": 5}
    rows: list[dict[str, Any]] = [
        {"table": "player", "time_zone": "Europe/Paris", "initialize_time": "2023-01-01T00:00:00Z"},
        {"table": "distinct_value", "schedule": "lifetime", "period_start": EPOCH, "stat_code": "weapons"}
        | {"value_hash": f"\\x{number:032x}"},
        {"table": "tally", "sum": 1, "events": 4, **derived},
        {"table": "tally", "source": "stat", "stat_code": "kills", "sum": 7, "events": 4},
        completion,
        {"table": "reopened_completion", "goal_id": "win", "period_start": EPOCH, "occurrence": 1, "claim_number": 0}
        | {"challenge_id": "arena", "tags": [], **past},
        {"table": "points_adjustment", "adjustment_id": f"6f0c1f0e-7a57-4c2b-9d3d-{number:012}", "points": 5}
        | {"adjust_time": "2023-01-01T00:00:00Z", "operator": "ada", "reason": "as asked"},
        grant,
    ]
    return (row | user for row in rows)


def filled(table: str, select: str, further: str = "") -> sql.Composed:
    return sql.SQL("INSERT INTO {} {} FROM generate_series(1, {}) AS p {}").format(
        *(sql.SQL(part) for part in (table, select)), sql.Literal(OTHERS), sql.SQL(further)
    )


@pytest.mark.parametrize("analyzed", [True, False])
def test_an_import_reads_no_table_wholly(site: Site, tmp_path: Path, analyzed: bool) -> None:
    with psycopg.connect(site.database_url, autocommit=True) as connection:
        connection.execute(QUARTERS)
        for table, parts in FILLED.items():
            connection.execute(filled(table, *parts))
        if analyzed:
            connection.execute("ANALYZE")
        connection.execute("SELECT pg_stat_reset()")
    lines = [line for number in range(PLAYERS) for line in lines_of(number)]
    # The second time everything is there.
    for name in ("first", "second"):
        assert take(write(tmp_path / "all.jsonl", lines), name=name) == 0
    assert site.rows(READ_WHOLLY, OTHERS // 10) == []
