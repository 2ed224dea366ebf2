"""A look for a completion in several tables finds it, wherever it goes meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import Any
from uuid import UUID

import pytest

from shared.domain.claims import RefusalReason
from shared.domain.events import Event
from shared.domain.grant_changes import Act, refunded
from shared.domain.grants import Refused, RetryPolicy, settle
from shared.domain.instant import DAY, HOUR
from shared.domain.reward import RewardType
from shared.operations.catalogue.catalogue_record import record_catalogue
from shared.operations.operators import goal_support
from shared.operations.operators.goal_support import GoalSupport
from shared.operations.rewards import grant_admin
from shared.operations.rewards.claim import claim_reward
from shared.operations.rewards.grant_admin import OperatorAction
from shared.operations.rewards.settle import record
from shared.postgres.connection import Connection
from shared.postgres.database import Database
from shared.postgres.goals import settled_completions
from shared.postgres.operators import player_import
from shared.postgres.operators.goal_support import take_completions
from shared.postgres.rewards import claim_retention, delivery_queue
from shared.postgres.rewards.delivery_queue import Lease, Settled
from tests.support.completion_retention import LATER, claim_daily, play
from tests.support.databases import connected, flushed, soon
from tests.support.goals import catalogue_of, goal
from tests.support.packing import settle_all
from tests.support.services import ACTING, rows
from tests.support.strategies import FIRST_DAY, KILLS
from tests.support.waiting import wait_until

pytestmark = pytest.mark.one_server

NOW = FIRST_DAY * DAY
WIN = goal("win", target=2)
CATALOGUE = catalogue_of(WIN)
WAITING = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
CLAIMS = "SELECT claim_number, claim_time IS NOT NULL FROM completion"
LATE_IN_A_FLUSH = "LOCK TABLE standing IN SHARE MODE"
BETWEEN_LOOKS_AT_CLAIMS = "LOCK TABLE carried_completion IN ACCESS EXCLUSIVE MODE"
REOPENED = {
    "user_id": "player",
    "goal_id": "win",
    "period_start": "1970-01-01T00:00:00Z",
    "occurrence": 1,
    "claim_time": "2020-01-01T00:00:00Z",
    "claim_number": 1,
    "tags": [],
    "points": 0,
}


def report(database: Database, event_id: str, delta: int = 2) -> None:
    flushed(database, CATALOGUE, [Event(event_id, "player", NOW, KILLS, delta=delta)])


@contextmanager
def held(url: str, lock: str) -> Iterator[None]:
    """Hold a lock in another session."""
    with connected(url) as other:
        other.execute("BEGIN")
        other.execute(lock.encode())
        yield


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2) as pool:
        yield pool


def wait_for(url: str, number: int, call: Future[Any]) -> None:
    """Wait until this number of sessions wait for locks, or a call has ended."""
    wait_until(lambda: rows(url, WAITING) == [(number,)] or call.done())


def refuse(database: Database) -> None:
    lease = Lease("game", "tests", NOW + HOUR)
    (delivery,) = database.autocommit(lambda connection: delivery_queue.lease_due(connection, lease, 9, NOW), soon())
    settlement = settle(1, 0, Refused(RefusalReason.INVENTORY_FULL), RetryPolicy(), 0.5, NOW)
    assert record(database, [Settled(delivery, settlement)], NOW, soon())


def refund(database: Database) -> None:
    settle_all(database, "player")
    ((grant_id,),) = database.autocommit(
        lambda connection: connection.execute("SELECT grant_id FROM reward_outbox").fetchall(), soon()
    )
    action = OperatorAction(Act.REFUND, lambda grant: refunded(grant, NOW), "ada", "asked for it")
    grant_admin.perform(database, UUID(str(grant_id)), action, NOW, soon(), dry=False)


@pytest.mark.parametrize("release", [refuse, refund])
def test_a_claim_is_released_while_its_reopened_goal_is_completed_again(
    database: Database, database_url: str, threads: ThreadPoolExecutor, release: Callable[[Database], None]
) -> None:
    report(database, "first")
    routes = {RewardType.WALLET: "game"}
    claim_reward(database, CATALOGUE, "player", WIN, None, NOW, soon(), routes=routes)
    support = GoalSupport(CATALOGUE, "player", WIN, ACTING)
    goal_support.perform(database, lambda connection: support.reset(connection, with_others=False), soon(), dry=False)
    with held(database_url, LATE_IN_A_FLUSH):
        reporting = threads.submit(report, database, "second")
        wait_for(database_url, 1, reporting)
        releasing = threads.submit(release, database)
        wait_for(database_url, 2, releasing)
    reporting.result()
    releasing.result()
    assert rows(database_url, CLAIMS) == [(1, False)]


def bring(connection: Connection) -> None:
    tables = player_import.tables_of_players(connection)
    player_import.store(connection, tables, {"reopened_completion": [REOPENED]}, ["player"])


@pytest.fixture(params=[0, 1], ids=["no tally", "a tally"])
def begun(request: pytest.FixtureRequest, database: Database) -> Database:
    """Return a database in which the next event completes the goal."""
    record_catalogue(database, CATALOGUE, NOW, soon())
    if request.param:
        report(database, "before", 1)
    return database


def test_an_import_brings_a_reopened_goal_that_an_event_is_completing(
    begun: Database, database_url: str, threads: ThreadPoolExecutor
) -> None:
    with held(database_url, LATE_IN_A_FLUSH):
        reporting = threads.submit(report, begun, "completes")
        wait_for(database_url, 1, reporting)
        bringing = threads.submit(begun.transact, bring, soon())
        wait_for(database_url, 2, bringing)
    reporting.result()
    bringing.result()
    assert rows(database_url, CLAIMS) == [(1, True)]
    assert rows(database_url, "SELECT FROM reopened_completion") == []


def test_an_event_completes_a_reopened_goal_that_an_import_is_bringing(
    begun: Database, database_url: str, threads: ThreadPoolExecutor
) -> None:
    def bring_and_report(connection: Connection) -> Future[None]:
        bring(connection)
        connection.execute_deferred()
        reporting = threads.submit(report, begun, "completes")
        wait_for(database_url, 1, reporting)
        return reporting

    begun.transact(bring_and_report, soon()).result()
    assert rows(database_url, CLAIMS) == [(1, True)]
    assert rows(database_url, "SELECT FROM reopened_completion") == []


def test_an_import_of_a_reopened_goal_leaves_no_tally_behind(database: Database, database_url: str) -> None:
    record_catalogue(database, CATALOGUE, NOW, soon())
    database.transact(bring, soon())
    assert rows(database_url, "SELECT FROM tally") == []
    assert rows(database_url, "SELECT goal_id FROM reopened_completion") == [("win",)]


def test_claims_of_a_completion_that_is_taken_back_meanwhile_are_not_deleted(
    database: Database, database_url: str, threads: ThreadPoolExecutor
) -> None:
    play(database)
    claim = claim_daily(database)
    with connected(database_url) as owner:
        owner.execute("UPDATE reward_outbox SET state = 'GRANTED', settle_time = create_time")
        owner.execute(
            "INSERT INTO carried_completion SELECT user_id, goal_id, 'arena', '{}', 1, 1, 1, 0, NULL, NULL, 'epoch'"
            " FROM reward_outbox"
        )

    def take_back(connection: Connection) -> None:
        settled_completions.unpack(connection, ["player"])
        assert take_completions(connection, "player", "daily", claim.key.period_start, None)

    def delete(connection: Connection) -> int:
        return claim_retention.delete_claims(connection, "", "player", LATER)

    with held(database_url, BETWEEN_LOOKS_AT_CLAIMS):
        deleting = threads.submit(partial(database.transact, delete, soon()))
        wait_for(database_url, 1, deleting)
        database.transact(take_back, soon())
    assert deleting.result() == 0
    assert rows(database_url, "SELECT count(*) FROM reward_outbox") == [(1,)]
