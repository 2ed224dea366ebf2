"""Rankings in a test's database, compared with its scores, and their buckets."""

from __future__ import annotations

import re

from shared.postgres.connection import Connection

SMALLER = {"1000": "8", "500": "4", "125": "2"}
"""Sizes of buckets in the functions of the migration, and those with which some players fill several."""

UNBALANCED = """
    SELECT bucket.board_id, bucket.first_id, bucket.players, count(ranked.user_id)
    FROM (
        SELECT *, lead(first_score) OVER in_order AS next_score, lead(first_time) OVER in_order AS next_time,
            lead(first_id) OVER in_order AS next_id
        FROM leaderboard_bucket
        WINDOW in_order AS (PARTITION BY board_id, period_start ORDER BY first_score, first_time, first_id)
    ) AS bucket
    LEFT JOIN leaderboard_ranking AS ranked
        ON ranked.board_id = bucket.board_id AND ranked.period_start = bucket.period_start
        AND (sort_score, reached_time, ranked.user_id) >= (first_score, first_time, first_id)
        AND (next_score IS NULL OR (sort_score, reached_time, ranked.user_id) < (next_score, next_time, next_id))
    GROUP BY bucket_id, bucket.board_id, bucket.first_id, bucket.players
    HAVING bucket.players <> count(ranked.user_id)
"""
RANKED = (
    "SELECT board_id, period_start, user_id, score, reached_time FROM leaderboard_ranking"
    " JOIN ranking_state USING (board_id, period_start) WHERE phase = 'open' ORDER BY board_id, period_start, user_id"
)
SCORED = (
    "SELECT board_id, period_start, user_id, score, reached_time FROM leaderboard_score"
    " WHERE in_use ORDER BY board_id, period_start, user_id"
)


def shrink_buckets(connection: Connection) -> None:
    """Let buckets hold some players only, in this database."""
    for name in ("balance_leaderboard_bucket", "count_leaderboard_players"):
        definition = connection.execute("SELECT pg_get_functiondef(oid) FROM pg_proc WHERE proname = $1", [name])
        text = str(definition.fetchall()[0][0])
        for size, smaller in SMALLER.items():
            text = re.sub(rf"\b{size}\b", smaller, text)
        connection.execute(text.replace("2 * sqrt", "0 * sqrt").encode())


def assert_counted(connection: Connection) -> None:
    """Assert that every bucket counts its players."""
    assert connection.execute(UNBALANCED).fetchall() == []


def assert_ranked(connection: Connection) -> None:
    """Assert that the rankings hold exactly the scores."""
    assert connection.execute(RANKED).fetchall() == connection.execute(SCORED).fetchall()
    assert_counted(connection)
