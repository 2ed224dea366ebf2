"""Whatever changes one packed completion touches as many rows however many others the player has."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import pytest

from shared.domain.events import CompletionKey, Event
from shared.domain.grant_changes import Act, refunded
from shared.domain.instant import DAY, LIFETIME_START
from shared.operations.rewards import grant_admin
from shared.operations.rewards.claim import claim_reward
from shared.operations.rewards.claim_all import claim_all
from shared.operations.rewards.grant_admin import OperatorAction
from shared.operations.statistics.recalculate import recalculate
from shared.postgres.connection import Connection
from shared.postgres.database import Database
from shared.postgres.goals import completions, settled_completions
from tests.support.databases import connected, flushed, opened, soon
from tests.support.goals import catalogue_of, goal
from tests.support.packing import completions_by_table, pack_all, settle_all
from tests.support.services import rows
from tests.support.strategies import FIRST_DAY, KILLS
from tests.support.waiting import wait_until

NOW = FIRST_DAY * DAY
GOALS = 300
CATALOGUE = catalogue_of(*(goal(f"goal {number:03}", target=1) for number in range(GOALS)))
CHANGED = """
SELECT relname::text, n_tup_ins, n_tup_upd, n_tup_del FROM pg_stat_xact_user_tables
WHERE relname IN ('completion', 'settled_completion')
"""
EVERY = "SELECT * FROM every_completion ORDER BY user_id, goal_id, period_start, occurrence"


def packed(database: Database) -> None:
    flushed(database, CATALOGUE, [Event("1", "player", NOW, KILLS, delta=1)])
    claim_all(database, CATALOGUE, "player", CATALOGUE.goals.values(), NOW, soon())
    settle_all(database, "player")
    assert pack_all(database, CATALOGUE, ["player"], NOW) == GOALS


@pytest.mark.one_server
def test_a_packed_completion_is_locked_by_a_few_changed_rows(database: Database, database_url: str) -> None:
    packed(database)
    before = rows(database_url, EVERY)
    key = CompletionKey("player", "goal 150", LIFETIME_START, 1)

    def changed(connection: Connection) -> dict[str, list[int]]:
        return {name: counts for name, *counts in connection.execute(CHANGED.encode()).fetchall()}

    def lock(connection: Connection) -> dict[str, list[int]]:
        # The session may not have reported those of its transactions before yet.
        earlier = changed(connection)
        assert completions.lock(connection, key) is not None
        return {
            name: [after - before for after, before in zip(counts, earlier[name], strict=True)]
            for name, counts in changed(connection).items()
        }

    assert database.transact(lock, soon()) == {"completion": [1, 0, 0], "settled_completion": [1, 0, 1]}
    assert completions_by_table(database_url) == (1, GOALS - 1)
    assert [row[:12] for row in rows(database_url, EVERY)] == [row[:12] for row in before], "nothing else is different"


def test_refunds_of_several_leave_the_rest_packed(database: Database, database_url: str) -> None:
    packed(database)
    action = OperatorAction(Act.REFUND, lambda grant: refunded(grant, NOW), "ada", "asked for it")
    wanted = ["goal 000", "goal 150", "goal 299"]
    grants = "SELECT grant_id FROM reward_outbox WHERE goal_id = ANY (%s) ORDER BY goal_id"
    for number, (grant_id,) in enumerate(rows(database_url, grants, wanted), 1):
        grant_admin.perform(database, UUID(str(grant_id)), action, NOW, soon(), dry=False)
        assert completions_by_table(database_url) == (number, GOALS - number)
    for goal_id in wanted:
        assert (
            claim_reward(database, CATALOGUE, "player", CATALOGUE.goals[goal_id], None, NOW, soon()).claim_number == 2
        )
    assert recalculate(database, CATALOGUE, ["player"], soon()) == []


def test_completions_that_are_not_packed_are_left_alone(database: Database, database_url: str) -> None:
    packed(database)
    unknown = [CompletionKey("player", "goal 150", LIFETIME_START, 2), CompletionKey("other", "goal 1", NOW, 1)]
    assert database.transact(lambda connection: settled_completions.unpack_named(connection, unknown), soon()) == 0
    assert completions_by_table(database_url) == (0, GOALS)
    known = CompletionKey("player", "goal 007", LIFETIME_START, 1)
    both = [*unknown, known]
    assert database.transact(lambda connection: settled_completions.unpack_named(connection, both), soon()) == 1


def test_a_completion_that_another_transaction_unpacks_meanwhile_is_found(database_url: str) -> None:
    key = CompletionKey("player", "goal 150", LIFETIME_START, 1)
    waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
    with opened(database_url) as database, connected(database_url) as other, ThreadPoolExecutor(1) as caller:
        packed(database)
        other.execute("BEGIN")
        settled_completions.unpack(other, ["player"])
        # It sees the completion neither packed nor as a row.
        locking = caller.submit(lambda: database.transact(lambda connection: completions.lock(connection, key), soon()))
        wait_until(lambda: rows(database_url, waiting) == [(1,)])
        other.execute("COMMIT")
        assert locking.result() is not None
