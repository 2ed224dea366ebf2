"""Claims of packed and other completions lock in the order of all transactions."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import psycopg
import pytest

from shared.domain.catalogue import Catalogue
from shared.domain.events import Event
from shared.domain.goal import Goal
from shared.domain.instant import DAY
from shared.domain.reward import Reward, RewardType
from shared.operations.rewards.claim_all import claim_all
from shared.postgres.database import Database
from tests.support.databases import flushed, opened, soon
from tests.support.goals import catalogue_of, goal
from tests.support.packing import completions_by_table, pack_all, settle_all
from tests.support.proxy import proxy_to
from tests.support.round_trips import RoundTrips
from tests.support.services import rows
from tests.support.strategies import FIRST_DAY, KILLS
from tests.support.waiting import wait_until

pytestmark = pytest.mark.usefixtures("patient_pool")

NOW = FIRST_DAY * DAY
COINS, SKIN, TITLE = (Reward(RewardType.ITEM, each, 1) for each in ("COINS", "SKIN", "TITLE"))
PACKED = [goal(f"packed {number}", target=1) for number in range(4)]
OPEN = [replace(goal(f"open {number}", target=2), reward=COINS, further_rewards=(SKIN,)) for number in range(4)]
LOCK_OF_PLAYER = "SELECT pg_advisory_xact_lock(1667785071, hashtext('player') & 63)"
WAITING = (
    "SELECT count(*) FROM pg_locks JOIN pg_database ON pg_database.oid = pg_locks.database"
    " WHERE locktype = 'advisory' AND NOT granted AND datname = current_database()"
)


def grown(goals: list[Goal]) -> list[Goal]:
    """Return the goals with another reward than players have claimed of them."""
    return [replace(each, reward=COINS, further_rewards=(TITLE,)) for each in goals]


CATALOGUE = catalogue_of(*PACKED, *OPEN)
GROWN = catalogue_of(*grown(PACKED), *OPEN)


def play(database: Database, user_id: str) -> None:
    """Claim some goals for a player, and then complete the others."""
    flushed(database, CATALOGUE, [Event("1", user_id, NOW, KILLS, delta=1)])
    claim_all(database, CATALOGUE, user_id, PACKED, NOW, soon())
    settle_all(database, user_id)
    flushed(database, CATALOGUE, [Event("2", user_id, NOW, KILLS, delta=1)])


@pytest.fixture
def packed(database: Database) -> Database:
    """Return a database with a player of whom some goals are packed and others can be claimed."""
    play(database, "player")
    assert pack_all(database, CATALOGUE, ["player"], NOW) == len(PACKED)
    return database


def claimed(database: Database, catalogue: Catalogue, user_id: str = "player") -> list[str]:
    """Claim everything, and return the goals that were."""
    results = claim_all(database, catalogue, user_id, catalogue.goals.values(), NOW, soon())
    return [each.goal.id for each in results if each.newly_claimed]


def test_a_claim_of_everything_locks_nothing_before_it_unpacks(packed: Database, database_url: str) -> None:
    with psycopg.connect(database_url) as operator, ThreadPoolExecutor(1) as caller:
        # As an operator who corrects a goal: what is packed is locked first, then completions.
        operator.execute(LOCK_OF_PLAYER)
        claiming = caller.submit(claimed, packed, GROWN)
        wait_until(lambda: claiming.done() or rows(database_url, WAITING) == [(1,)])
        operator.execute("SELECT FROM completion WHERE user_id = 'player' FOR UPDATE NOWAIT")
        operator.commit()
        assert claiming.result() == [*GROWN.goals]
    assert completions_by_table(database_url) == (len(GROWN.goals), 0)


def test_a_claim_of_everything_unpacks_only_what_is_claimed_in_part(packed: Database, database_url: str) -> None:
    assert claimed(packed, CATALOGUE) == [each.id for each in OPEN]
    assert completions_by_table(database_url) == (len(OPEN), len(PACKED))
    assert claimed(packed, GROWN) == [each.id for each in PACKED]
    assert completions_by_table(database_url) == (len(GROWN.goals), 0)


def test_a_claim_of_what_is_packed_takes_no_more_round_trips(database_url: str, pytestconfig: pytest.Config) -> None:
    players = [f"player {number}" for number in range(4)]
    with proxy_to(database_url) as (proxy, url), opened(url, pool_size=1) as database:
        for user_id in players:
            play(database, user_id)
        assert pack_all(database, CATALOGUE, players[:2], NOW) == 2 * len(PACKED)
        round_trips = RoundTrips()
        proxy.drop_reply(after=round_trips)
        needed = {}
        # Statements are prepared by the first two.
        for user_id in (players[0], players[2], players[1], players[3]):
            before = round_trips.count
            assert claimed(database, GROWN, user_id) == [*GROWN.goals]
            needed[user_id] = round_trips.count - before
        # On a cluster some statements cannot share a round trip.
        expected = 5 if pytestconfig.getoption("--citus") else 3
        assert (needed[players[1]], needed[players[3]]) == (expected, expected)
