"""The history of settled grants: their moves beside claims, and the end of old quarters."""

from __future__ import annotations

import threading
from functools import partial
from uuid import UUID

import pytest

from shared.domain.claims import Claim, ClaimState
from shared.domain.errors import AlreadyClaimed, RequestIdReused
from shared.domain.events import Event
from shared.domain.grant_changes import Act, refunded
from shared.domain.instant import DAY, SECOND
from shared.operations.rewards import grant_admin
from shared.operations.rewards.claim import claim_reward
from shared.operations.rewards.claim_all import claim_all
from shared.operations.rewards.grant_admin import OperatorAction, perform
from shared.operations.rewards.move_grants import GrantMoves
from shared.postgres import schema
from shared.postgres.connection import Connection
from shared.postgres.database import Database
from shared.postgres.migrations import migration_files
from shared.postgres.operators import player_data
from shared.postgres.rewards import grant_history
from shared.runtime.clock import system_clock
from tests.support.completion_retention import CATALOGUE as PERIODS
from tests.support.completion_retention import LATER, claim_daily, completed, play, retention, settle
from tests.support.databases import connected, flushed, opened, soon
from tests.support.goals import catalogue_of, goal
from tests.support.grant_moves import grants_by_table, let_grants_move, move_all
from tests.support.services import rows
from tests.support.waiting import wait_until

FIRST, SECOND_GOAL = goal("first", target=1), goal("second", target=1)
CATALOGUE = catalogue_of(FIRST, SECOND_GOAL)
FIRST_MIGRATION = "0043-settled-grants"


def claim(database: Database, goal_id: str, request_id: str | None) -> Claim:
    goal = CATALOGUE.goals[goal_id]
    return claim_reward(database, CATALOGUE, "player", goal, request_id, system_clock(), soon())


@pytest.fixture
def settled(database: Database, database_url: str) -> Claim:
    """Return a claim that is settled, of a player who can claim another goal."""
    flushed(database, CATALOGUE, [Event("1", "player", system_clock(), FIRST.stat, delta=1)])
    first = claim(database, "first", "request")
    with connected(database_url) as connection:
        connection.execute("UPDATE reward_outbox SET state = 'GRANTED', settle_time = now()")
    let_grants_move(database_url)
    return first


@pytest.mark.usefixtures("settled")
def test_nothing_moves_until_the_release_before_is_gone(database: Database, database_url: str) -> None:
    rows(database_url, "UPDATE grant_history SET begin_time = now() - interval '1 hour' RETURNING 1")
    moves = GrantMoves(database, 7 * DAY, 0, lambda _: False)
    rows(database_url, "UPDATE reward_outbox SET settle_time = now() - interval '8 days' RETURNING 1")
    assert moves.one_pass(system_clock()) == moves.left == 0
    rows(database_url, "UPDATE grant_history SET begin_time = now() - interval '8 days' RETURNING 1")
    # A clock that is ahead moves nothing sooner.
    rows(database_url, "UPDATE reward_outbox SET settle_time = now() - interval '6 days' RETURNING 1")
    assert moves.one_pass(system_clock() + 30 * DAY) == 0
    rows(database_url, "UPDATE reward_outbox SET settle_time = now() - interval '8 days' RETURNING 1")
    assert moves.one_pass(system_clock()) == 1
    assert (moves.left, moves.behind_s) == (0, 0.0)
    assert grants_by_table(database_url) == (0, 1)


@pytest.mark.parametrize("state", ["PENDING", "DEAD"])
@pytest.mark.usefixtures("settled")
def test_unsettled_grants_stay(database: Database, database_url: str, state: str) -> None:
    rows(database_url, "UPDATE reward_outbox SET state = %s RETURNING 1", state)
    assert move_all(database, system_clock()) == 0
    assert grants_by_table(database_url) == (1, 0)


@pytest.mark.usefixtures("settled")
def test_grants_that_are_left_are_counted(database: Database, database_url: str) -> None:
    rows(database_url, "UPDATE reward_outbox SET settle_time = now() - interval '3 days' RETURNING 1")
    moves = GrantMoves(database, DAY, 0, lambda _: False)
    with opened(database_url, pool_size=1) as other:

        def while_another_moves(connection: Connection) -> int:
            assert grant_history.lock(connection)
            return moves.one_pass(system_clock())

        assert other.transact(while_another_moves, soon()) == 0
    assert moves.left == 1
    assert 1.9 * DAY < moves.behind_s * SECOND < 2.1 * DAY
    assert moves.one_pass(system_clock()) == 1, "the other one is gone"
    assert moves.left == 0


def test_a_claim_that_comes_while_its_earlier_one_moves_gets_that(
    database: Database, database_url: str, settled: Claim
) -> None:
    """The claim finds its request id in a row that is being moved, waits, and then finds it in the history."""
    outcomes: list[object] = []

    def call(goal_id: str) -> None:
        try:
            outcomes.append(claim(database, goal_id, "request").grant_id)
        except RequestIdReused:
            outcomes.append(RequestIdReused)

    calls = [threading.Thread(target=call, args=[goal_id]) for goal_id in ("first", "second")]
    make = "SELECT make_settled_grant_partition(now())"
    rows(database_url, make)
    with opened(database_url, pool_size=1) as other:

        def move(connection: Connection) -> None:
            assert grant_history.move(connection, system_clock() + SECOND, 10) == 1
            for each in calls:
                each.start()
            waiting = (
                "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
            )
            wait_until(lambda: rows(database_url, waiting) == [(1,)] and len(outcomes) == 1)

        other.transact(move, soon())
    for each in calls:
        each.join()
    assert sorted(outcomes, key=str) == sorted([settled.grant_id, RequestIdReused], key=str)
    assert grants_by_table(database_url) == (0, 1)


def test_a_request_id_is_free_100_days_after_its_claim_was_settled(
    database: Database, database_url: str, settled: Claim
) -> None:
    age = (
        "UPDATE reward_outbox SET create_time = now() - interval '{0} days', settle_time = now() - interval '{0} days'"
    )
    rows(database_url, age.format(99) + " RETURNING 1")
    assert move_all(database, system_clock()) == 1
    with pytest.raises(RequestIdReused):
        claim(database, "second", "request")
    with connected(database_url) as connection:
        connection.execute("UPDATE settled_grant SET create_time = now() - interval '1 year'")
        connection.execute("SELECT make_settled_grant_partition(now() - interval '101 days')")
        connection.execute("UPDATE settled_grant SET settle_time = now() - interval '101 days'")
    second = claim(database, "second", "request")
    assert claim(database, "second", "request") == second, "the newer claim has the id"
    # The older one returns without it.
    action = OperatorAction(Act.REFUND, partial(refunded, now=system_clock()), "ada", "a test")
    perform(database, UUID(settled.grant_id), action, system_clock(), soon(), dry=False)
    assert claim(database, "second", "request") == second
    assert grants_by_table(database_url) == (2, 0)


def test_a_dry_run_leaves_a_moved_grant_where_it_is(database: Database, database_url: str, settled: Claim) -> None:
    assert move_all(database, system_clock()) == 1
    action = OperatorAction(Act.REFUND, partial(refunded, now=system_clock()), "ada", "a test")
    after = perform(database, UUID(settled.grant_id), action, system_clock(), soon(), dry=True)
    assert after.state is ClaimState.REFUNDED
    assert grants_by_table(database_url) == (0, 1)


@pytest.mark.usefixtures("settled")
def test_goals_stay_claimed_when_their_grants_are_dropped(database: Database, database_url: str) -> None:
    unsettled = claim(database, "second", None)
    with connected(database_url) as connection:
        connection.execute("UPDATE completion SET claim_time = now() - interval '3 years'")
        connection.execute("UPDATE reward_outbox SET create_time = now() - interval '3 years'")
        connection.execute("UPDATE reward_outbox SET settle_time = now() - interval '3 years' WHERE state = 'GRANTED'")
    assert move_all(database, system_clock(), retention_d=5 * 365) == 1
    assert grants_by_table(database_url) == (1, 1), "its quarter is younger than that"
    move_all(database, system_clock(), retention_d=400)
    assert grants_by_table(database_url) == (1, 0)
    with pytest.raises(AlreadyClaimed):
        claim(database, "first", "another")
    found = claim_all(database, CATALOGUE, "player", [FIRST, SECOND_GOAL], system_clock(), soon())
    assert [each.claim.grant_id for each in found if each.claim is not None] == [unsettled.grant_id]
    assert grant_admin.report(database, soon()).agrees


def test_completions_are_carried_forward_whether_their_grants_moved_or_were_dropped(
    database: Database, database_url: str
) -> None:
    play(database)
    claim_daily(database)
    settle(database_url)
    let_grants_move(database_url)
    with connected(database_url) as connection:
        connection.execute("UPDATE reward_outbox SET settle_time = create_time")
    assert move_all(database, LATER, retention_d=400) == 1
    assert grants_by_table(database_url) == (0, 0), "the quarter was dropped at once"
    assert retention(database).one_pass(PERIODS, LATER) > 0
    assert completed(database_url) == [("ever", 0)]
    assert grant_admin.report(database, soon()).agrees


def test_going_back_returns_moved_grants(database: Database, database_url: str, settled: Claim) -> None:
    stored = "SELECT grant_id, request_id, state, lease_token, settle_time, provider, attempts FROM reward_outbox"
    before = rows(database_url, stored)
    assert move_all(database, system_clock()) == 1
    since = [path.stem for path in migration_files() if path.stem >= FIRST_MIGRATION]
    assert sorted(schema.roll_back(database_url, len(since))) == since
    assert rows(database_url, stored) == before
    assert schema.migrate(database_url) == since
    assert claim(database, "first", "request").grant_id == settled.grant_id


def test_an_erased_player_has_no_grants_in_either_table(database: Database, database_url: str, settled: Claim) -> None:
    assert move_all(database, system_clock()) == 1
    with connected(database_url) as connection:
        connection.execute(
            "INSERT INTO reward_audit (act_time, operator, action, grant_id, reason, before)"
            " VALUES (now(), 'ada', 'bury', $1, 'asked by player', '{}')",
            (settled.grant_id,),
        )
        connection.execute("SELECT erase_player('player', 'erased-0123456789abcdef', now(), 'ada', 'asked for it')")
    assert grants_by_table(database_url) == (0, 0)
    assert rows(database_url, "SELECT reason FROM reward_audit") == [("asked by erased-0123456789abcdef",)]
    assert database.autocommit(lambda connection: player_data.read_ids(connection, "", 10), soon()) == []


def test_audits_of_a_dropped_grant_lose_the_id_of_an_erased_player(
    database: Database, database_url: str, settled: Claim
) -> None:
    action = OperatorAction(Act.REFUND, partial(refunded, now=system_clock()), "ada", "asked by player")
    perform(database, UUID(settled.grant_id), action, system_clock(), soon(), dry=False)
    rows(database_url, "UPDATE reward_outbox SET settle_time = now() - interval '3 years' RETURNING 1")
    assert move_all(database, system_clock(), retention_d=400) == 1
    assert grants_by_table(database_url) == (0, 0)
    rows(database_url, "SELECT erase_player('player', 'erased-0123456789abcdef', now(), 'ada', 'asked for it')")
    reasons = (
        "SELECT reason FROM reward_audit UNION ALL SELECT reason FROM operator_audit WHERE starts_with(kind, 'rewards')"
    )
    assert rows(database_url, reasons) == [("asked by erased-0123456789abcdef",)] * 2


def test_a_repeated_import_brings_no_grant_a_second_time(database: Database, database_url: str, settled: Claim) -> None:
    assert move_all(database, system_clock()) == 1
    with connected(database_url) as connection:
        connection.execute("BEGIN")
        connection.execute("SELECT stage_import_rows('reward_outbox')")
        connection.execute(
            "INSERT INTO pg_temp.import_row SELECT filled.* FROM player_rows('player') AS exported,"
            " jsonb_populate_record(NULL::reward_outbox, content) AS filled WHERE kind = 'reward_outbox'"
        )
        assert connection.execute("SELECT store_import_rows('reward_outbox')", binary=True).fetchone() == (0,)
        connection.execute("COMMIT")
    assert grants_by_table(database_url) == (0, 1)
    assert claim(database, "first", "request").grant_id == settled.grant_id
