"""An import never lets a completion have fewer claims than it had: each claim has a number, and a grant, of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import pytest

from shared.domain.claims import grant_id
from shared.domain.events import CompletionKey, Event
from shared.domain.grant_changes import Act, refunded
from shared.domain.instant import DAY, LIFETIME_START
from shared.operations.operators import goal_support
from shared.operations.operators.goal_support import GoalSupport
from shared.operations.rewards import grant_admin
from shared.operations.rewards.claim import claim_reward
from shared.operations.rewards.grant_admin import OperatorAction
from shared.postgres.connection import Connection
from shared.postgres.database import Database
from shared.postgres.operators import player_import
from tests.support.databases import flushed, soon
from tests.support.goals import catalogue_of, goal
from tests.support.packing import settle_all
from tests.support.services import ACTING, rows
from tests.support.strategies import FIRST_DAY, KILLS

NOW = FIRST_DAY * DAY
WIN = goal("win", target=1)
CATALOGUE = catalogue_of(WIN)
KEY = CompletionKey("player", "win", LIFETIME_START, 1)
NUMBERS = "SELECT claim_number, claim_time IS NOT NULL FROM {}"
OF_PLAYER = {"user_id": "player", "goal_id": "win", "period_start": "1970-01-01T00:00:00Z", "occurrence": 1}


def completion(number: int, *, claimed: bool = True) -> dict[str, Any]:
    time = "2023-05-01T00:00:00Z" if claimed else None
    return {**OF_PLAYER, "claim_number": number, "claim_time": time, "tags": [], "points": 0}


def grants(numbers: Sequence[int]) -> list[dict[str, Any]]:
    """Return grants of which all but the last one were refunded."""
    time = "2023-05-01T00:00:00Z"
    granted = {"provider": "import", "reward_type": "WALLET", "reward_id": "GEMS", "quantity": 1, "priority": 5}
    times = {"due_time": time, "create_time": time, "settle_time": time, "attempts": 1, "lease_token": 1}
    return [
        {
            **OF_PLAYER,
            **granted,
            **times,
            "claim_number": number,
            "grant_id": grant_id(KEY, number),
            "state": "GRANTED" if number == numbers[-1] else "REFUNDED",
        }
        for number in numbers
    ]


def bring(database: Database, **rows_of: list[dict[str, Any]]) -> None:
    def store(connection: Connection) -> None:
        tables = player_import.tables_of_players(connection)
        player_import.store(
            connection, tables, {table: rows_of[table] for table in tables if table in rows_of}, ["player"]
        )

    database.transact(store, soon())


def claim(database: Database) -> int:
    claimed = claim_reward(database, CATALOGUE, "player", WIN, None, NOW, soon())
    settle_all(database, "player")
    return claimed.claim_number


def refund(database: Database, number: int) -> None:
    action = OperatorAction(Act.REFUND, lambda grant: refunded(grant, NOW), "ada", "asked for it")
    grant_admin.perform(database, UUID(grant_id(KEY, number)), action, NOW, soon(), dry=False)


@pytest.fixture
def claimed(database: Database) -> Database:
    """Return a database with a completion that was claimed once."""
    flushed(database, CATALOGUE, [Event("1", "player", NOW, KILLS, delta=1)])
    assert claim(database) == 1
    return database


def reset(database: Database) -> None:
    support = GoalSupport(CATALOGUE, "player", WIN, ACTING)
    goal_support.perform(database, lambda connection: support.reset(connection, with_others=True), soon(), dry=False)


def test_a_completion_that_was_claimed_more_often_elsewhere_has_the_newest_claim(
    claimed: Database, database_url: str
) -> None:
    bring(claimed, completion=[completion(3)], reward_outbox=grants([1, 2, 3]))
    assert rows(database_url, NUMBERS.format("completion")) == [(3, True)]
    refund(claimed, 3)
    assert claim(claimed) == 4


def test_a_claimed_completion_stays_claimed(claimed: Database, database_url: str) -> None:
    bring(claimed, completion=[completion(2, claimed=False)], reward_outbox=grants([1, 2]))
    assert rows(database_url, NUMBERS.format("completion")) == [(2, True)]


def test_fewer_claims_change_nothing(claimed: Database, database_url: str) -> None:
    refund(claimed, 1)
    assert claim(claimed) == 2
    bring(claimed, completion=[completion(1)])
    bring(claimed, completion=[completion(0, claimed=False)])
    assert rows(database_url, NUMBERS.format("completion")) == [(2, True)]


@pytest.mark.parametrize(("brought", "left"), [(0, (1, True)), (1, (1, True)), (3, (3, True))])
def test_a_completion_that_was_taken_back_keeps_the_greater_number(
    claimed: Database, database_url: str, brought: int, left: tuple[int, bool]
) -> None:
    reset(claimed)
    bring(claimed, completion=[completion(brought, claimed=brought > 0)], reward_outbox=grants(range(1, brought + 1)))
    assert rows(database_url, NUMBERS.format("completion")) == [left]
    assert rows(database_url, NUMBERS.format("reopened_completion")) == []


@pytest.mark.parametrize("refunded_here", [False, True])
def test_a_claim_that_is_here_stands_against_one_with_its_number(
    claimed: Database, database_url: str, refunded_here: bool
) -> None:
    reset(claimed)
    if refunded_here:
        refund(claimed, 1)
    bring(claimed, completion=[completion(1, claimed=refunded_here)])
    assert rows(database_url, NUMBERS.format("completion")) == [(1, not refunded_here)]


def test_a_reopened_completion_brings_a_greater_number(claimed: Database, database_url: str) -> None:
    bring(claimed, reopened_completion=[completion(3)], reward_outbox=grants([1, 2, 3]))
    assert rows(database_url, NUMBERS.format("completion")) == [(3, True)]
    bring(claimed, reopened_completion=[completion(1, claimed=False)])
    assert rows(database_url, NUMBERS.format("completion")) == [(3, True)]
