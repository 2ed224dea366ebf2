"""The process that moves settled grants is killed repeatedly: each grant is in one table, and another one goes on."""

from __future__ import annotations

import random

import pytest

from tests.support.grant_moves import grants_by_table, let_grants_move
from tests.support.service_process import ServiceProcess
from tests.support.services import rows
from tests.support.waiting import wait_until

pytestmark = pytest.mark.slow

GRANTS = 60_000
KILLS = 6
SETTLED = """
INSERT INTO reward_outbox (
    user_id, goal_id, period_start, occurrence, claim_number, grant_id, request_id, state, provider,
    reward_type, reward_id, quantity, priority, attempts, lease_token, due_time, create_time, settle_time
)
SELECT
    'player ' || number, 'goal', timestamptz 'epoch', 1, 1, md5(number::text)::uuid, 'once', 'GRANTED', 'none',
    'ITEM', 'sword', 1, 5, 1, 2, settled, settled, settled
FROM generate_series(1, %s) AS number, LATERAL (SELECT now() - (2 + number %% 500) * interval '1 day') AS age (settled)
RETURNING 1
"""
TWICE = "SELECT grant_id FROM reward_claim GROUP BY grant_id HAVING count(*) > 1 LIMIT 5"
SUM = "SELECT count(*), sum(hashtext(grant_id::text || user_id || settle_time || request_id)::bigint) FROM reward_claim"


def test_each_grant_is_in_one_table_however_often_the_mover_is_killed(database_url: str) -> None:
    chance = random.Random(7)
    assert len(rows(database_url, SETTLED, GRANTS)) == GRANTS
    let_grants_move(database_url)
    before = rows(database_url, SUM)

    def moved() -> int:
        left, there = grants_by_table(database_url)
        assert left + there == GRANTS
        return there

    # Two processes: one moves, the other one takes over.
    with ServiceProcess("event_handler", database_url, GRANT_MOVE_D="1") as other:
        other.wait_until_serving()
        for _ in range(KILLS):
            with ServiceProcess("event_handler", database_url, GRANT_MOVE_D="1") as handler:
                goal = min(GRANTS, moved() + chance.randint(1, 2 * GRANTS // (3 * KILLS)))
                wait_until(lambda goal=goal: moved() >= goal, 60)  # type: ignore[misc]
                handler.kill()
            assert rows(database_url, TWICE) == []
            assert rows(database_url, SUM) == before
        wait_until(lambda: moved() == GRANTS, 120)
    assert rows(database_url, SUM) == before
