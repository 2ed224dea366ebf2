"""A grant is stored once, although the player has no tally that packing and whatever completes the goal both lock."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import partial

import pytest

from shared.domain.errors import AlreadyClaimed
from shared.domain.events import Event
from shared.domain.instant import DAY
from shared.operations.catalogue.catalogue_record import record_catalogue
from shared.operations.operators import goal_support
from shared.operations.operators.goal_support import GoalSupport
from shared.operations.rewards.claim import claim_reward
from shared.postgres.connection import Connection
from shared.postgres.database import Database
from shared.postgres.goals import settled_completions
from shared.postgres.goals.settled_completions import PlayerBusy
from tests.operations.goals.test_packing_interleaved import HELD_UP, WAITING, closed_gate
from tests.support.databases import connected, flushed, soon
from tests.support.goals import catalogue_of, goal
from tests.support.grant_moves import let_grants_move, move_all
from tests.support.packing import LATER, completions_by_table, pack_all, settle_all
from tests.support.services import ACTING, rows
from tests.support.strategies import FIRST_DAY, KILLS
from tests.support.waiting import wait_until

NOW = FIRST_DAY * DAY
RESET, KEPT = goal("reset", target=1), goal("kept", target=1)
CATALOGUE = catalogue_of(RESET, KEPT)
TWICE = "SELECT grant_id FROM reward_claim GROUP BY grant_id HAVING count(*) > 1"
COMPLETED = "SELECT goal_id, claim_number FROM every_completion ORDER BY goal_id"
TALLIES = "SELECT stat_code, events FROM tally"


def report(database: Database, event_id: str) -> None:
    flushed(database, CATALOGUE, [Event(event_id, "player", NOW, KILLS, delta=1)])


@pytest.fixture
def reset(database: Database, database_url: str) -> Database:
    """Return a database with a player who has a claimed completion, whose grant was moved, and no tally."""
    let_grants_move(database_url)
    record_catalogue(database, CATALOGUE, NOW, soon())
    report(database, "first")
    claim_reward(database, CATALOGUE, "player", KEPT, None, NOW, soon())
    settle_all(database, "player")
    assert move_all(database, NOW + DAY) == 1
    support = GoalSupport(CATALOGUE, "player", RESET, ACTING)
    goal_support.perform(database, lambda connection: support.reset(connection, with_others=True), soon(), dry=False)
    assert rows(database_url, TALLIES) == []
    return database


@pytest.mark.one_server
def test_an_event_stores_no_completion_that_is_packed_meanwhile(reset: Database, database_url: str) -> None:
    with connected(database_url) as owner:
        owner.run_script(HELD_UP.encode())
    with ThreadPoolExecutor(1) as caller:
        with closed_gate(database_url):
            # The statement that stores what is completed has begun, and sees no packed completion.
            reporting = caller.submit(partial(report, reset, "second"))
            wait_until(lambda: reporting.done() or rows(database_url, WAITING) == [(1,)])
            with pytest.raises(PlayerBusy):
                pack_all(reset, CATALOGUE, ["player"], NOW)
        reporting.result()
    with suppress(AlreadyClaimed):
        claim_reward(reset, CATALOGUE, "player", KEPT, None, NOW, soon())
    settle_all(reset, "player")
    move_all(reset, NOW + DAY)
    assert rows(database_url, TWICE) == []
    assert rows(database_url, COMPLETED) == [("kept", 1), ("reset", 0)]


@pytest.mark.one_server
def test_an_event_waits_for_the_packing_of_a_completion_without_a_tally(reset: Database, database_url: str) -> None:
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    with ThreadPoolExecutor(1) as caller:

        def pack(connection: Connection) -> Future[None]:
            assert settled_completions.pack(connection, "player", LATER, {}) == 1
            connection.execute_deferred()
            reporting = caller.submit(partial(report, reset, "second"))
            wait_until(lambda: reporting.done() or rows(database_url, waiting) == [(1,)])
            return reporting

        reset.transact(pack, soon()).result()
    assert completions_by_table(database_url) == (1, 1)
    assert rows(database_url, COMPLETED) == [("kept", 1), ("reset", 0)]
    assert rows(database_url, TALLIES) == [("kills", 1)]


def test_packing_leaves_no_tally_behind(reset: Database, database_url: str) -> None:
    assert pack_all(reset, CATALOGUE, ["player"], NOW) == 1
    assert rows(database_url, TALLIES) == []
