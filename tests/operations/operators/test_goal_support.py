"""Corrections of single goals: sums still add up, and no reward is granted twice."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from shared.domain.claims import ClaimState, RefusalReason
from shared.domain.errors import AlreadyClaimed, ChallengeError
from shared.domain.events import Event
from shared.domain.goal import Goal
from shared.domain.grant_changes import Act, refunded
from shared.domain.grants import Settlement
from shared.domain.instant import DAY
from shared.domain.progress import GoalState
from shared.operations.goals.activate import set_goal_active
from shared.operations.operators import goal_support
from shared.operations.operators.goal_support import Corrected, GoalSupport, SupportRefused
from shared.operations.operators.undo_support import undo
from shared.operations.rewards import grant_admin, settle
from shared.operations.rewards.grant_admin import OperatorAction
from shared.postgres.database import Database
from shared.postgres.rewards import delivery_queue
from shared.postgres.rewards.delivery_queue import Lease, Settled
from tests.operations.operators.corrected_game import (
    ACTING,
    BOTH,
    DAILY_WIN,
    MORE,
    NOW,
    QUEST,
    STATS,
    TWICE,
    WIN,
    Game,
    rows_of,
)
from tests.support.databases import flushed, soon, status_of
from tests.support.goals import catalogue_of, goal
from tests.support.services import rows


@pytest.fixture
def game(database: Database) -> Game:
    game = Game(database)
    game.play(WIN)
    return game


def test_a_reset_lets_goals_count_from_zero_and_its_undo_from_where_they_began(game: Game) -> None:
    quest, late = (replace(QUEST, id=each) for each in ("quest", "late quest"))
    catalogue = catalogue_of(quest, late)

    def progress(what: Goal) -> int:
        return status_of(game.database, catalogue, game.player, what).progress

    def play(delta: int) -> None:
        event = Event(f"quest {delta}", game.player, NOW, quest.stat, delta=delta)
        flushed(game.database, catalogue, [event])

    play(7)
    set_goal_active(game.database, catalogue, game.player, quest, True, NOW, soon())
    play(2)
    support = GoalSupport(catalogue, game.player, quest, ACTING)
    done = goal_support.perform(
        game.database, lambda connection: support.reset(connection, with_others=True), soon(), dry=False
    )
    assert progress(quest) == 0
    play(1)
    set_goal_active(game.database, catalogue, game.player, late, True, NOW + 1, soon())
    play(3)
    assert (progress(quest), progress(late)) == (4, 3)
    goal_support.perform(game.database, undo(catalogue, done.audit_id, ACTING), soon(), dry=False)
    assert (progress(quest), progress(late)) == (6, 3)


def test_a_goal_is_completed_with_all_that_it_completes_in_turn(game: Game) -> None:
    game.complete(WIN)
    done = game.complete(MORE)
    assert {key.goal_id for key in done.caused} == {"both", "rich"}
    assert game.state(WIN) is game.state(BOTH) is GoalState.COMPLETED
    game.check()
    game.claim(WIN)
    game.play(WIN, 100)
    with pytest.raises(AlreadyClaimed):
        game.claim(WIN)
    game.check()


def test_a_dry_run_changes_nothing(game: Game) -> None:
    assert game.complete(WIN, dry=True).occurrences == [1]
    assert game.state(WIN) is GoalState.IN_PROGRESS
    assert rows_of(game.database, "SELECT count(*) FROM operator_audit") == [(0,)]


def test_a_completed_goal_is_not_completed_again(game: Game) -> None:
    game.complete(WIN)
    with pytest.raises(SupportRefused, match="completed already"):
        game.complete(WIN)
    with pytest.raises(SupportRefused, match="not completed"):
        game.reopen(MORE)


def test_a_goal_whose_tally_has_reached_the_target_is_not_reopened_but_reset(game: Game) -> None:
    game.play(WIN, 2)
    with pytest.raises(SupportRefused, match="reset it instead"):
        game.reopen(WIN)
    assert game.state(WIN) is GoalState.COMPLETED
    game.reset(WIN)
    assert game.state(WIN) is GoalState.NOT_STARTED
    game.check()
    game.play(WIN, 3)
    assert game.state(WIN) is GoalState.COMPLETED
    game.check()


def test_a_reward_is_not_granted_again_after_a_second_completion(game: Game) -> None:
    game.play(WIN, 2)
    game.claim(WIN)
    game.reset(WIN)
    game.check()
    game.play(WIN, 3)
    assert game.state(WIN) is GoalState.CLAIMED
    with pytest.raises(AlreadyClaimed):
        game.claim(WIN)
    assert rows_of(game.database, "SELECT count(*) FROM reward_outbox") == [(1,)]
    game.check()


def test_a_refund_before_lets_it_be_granted_again(game: Game) -> None:
    game.play(WIN, 2)
    game.claim(WIN)
    ((grant_id,),) = rows_of(game.database, "SELECT grant_id FROM reward_outbox")
    refund = OperatorAction(Act.REFUND, lambda grant: refunded(grant, NOW), "ada", "a test")
    grant_admin.perform(game.database, grant_id, refund, NOW, soon(), dry=False)  # type: ignore[arg-type]
    game.reset(WIN)
    game.play(WIN, 3)
    game.claim(WIN)
    numbers = rows_of(game.database, "SELECT claim_number, state FROM reward_outbox ORDER BY 1")
    assert numbers == [(1, "REFUNDED"), (2, "PENDING")]
    game.check()


def test_progress_that_others_share_is_reset_only_on_request(database: Database) -> None:
    far = replace(goal("far", target=50), stat=WIN.stat)
    shared = replace(catalogue_of(WIN, far))
    flushed(database, shared, [Event("1", "player", NOW, WIN.stat, delta=3)], now=NOW)
    support = GoalSupport(shared, "player", WIN, ACTING)
    with pytest.raises(SupportRefused, match="also that of far"):
        goal_support.perform(database, lambda c: support.reset(c, with_others=False), soon(), dry=False)
    goal_support.perform(database, lambda c: support.reset(c, with_others=True), soon(), dry=False)
    assert status_of(database, shared, "player", far).progress == 0


def test_every_correction_can_be_undone(game: Game) -> None:
    game.play(WIN, 2)
    game.claim(WIN)
    before = rows_of(game.database, "SELECT to_jsonb(completion) FROM completion")
    tallies = rows_of(game.database, "SELECT sum, events, days, highest FROM tally WHERE source = 'stat'")
    game.undo(game.reset(WIN))
    assert rows_of(game.database, "SELECT to_jsonb(completion) FROM completion") == before
    assert rows_of(game.database, "SELECT sum, events, days, highest FROM tally WHERE source = 'stat'") == tallies
    game.check()
    done = game.complete(MORE)
    game.undo(done)
    assert game.state(MORE) is GoalState.NOT_STARTED
    game.check()
    with pytest.raises(SupportRefused, match="is undone already"):
        game.undo(done)
    with pytest.raises(SupportRefused, match="no correction"):
        game.undo(done._replace(audit_id=10**6))


def test_each_correction_is_recorded_with_the_player(game: Game) -> None:
    game.undo(game.complete(WIN))
    recorded = rows_of(game.database, "SELECT kind, user_id, operator, reason FROM operator_audit ORDER BY audit_id")
    assert recorded == [(kind, "player", "ada", "a test") for kind in ("goal complete", "goal reopen")]


@pytest.mark.parametrize("seed", [*range(4), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(4, 24))])
def test_sums_add_up_after_any_history(database: Database, seed: int) -> None:
    draw = random.Random(seed)
    game = Game(database, f"player {seed}")
    game.play(WIN)
    corrected: list[Corrected] = []
    for _ in range(30):
        what = draw.choice((WIN, MORE, DAILY_WIN, TWICE, BOTH))
        act = draw.randrange(7)
        try:
            if act < 2 and what.stat in STATS.values():
                game.play(what, draw.randrange(1, 4))
            elif act == 2:
                game.claim(what)
            elif act == 3:
                corrected.append(game.complete(what))
            elif act == 4:
                corrected.append(game.reopen(what))
            elif act == 5:
                corrected.append(game.reset(what, with_others=True))
            elif corrected:
                game.undo(corrected.pop(draw.randrange(len(corrected))))
        except (ChallengeError, SupportRefused):
            continue
    game.check()
    again = "SELECT goal_id FROM reward_outbox GROUP BY goal_id, period_start, occurrence HAVING count(*) > 1"
    assert rows_of(database, again) == []


@pytest.mark.one_server
def test_a_player_without_reopened_goals_costs_one_look_a_statement(database_url: str) -> None:
    called = "SELECT tgname, tgtype & 1 FROM pg_trigger WHERE tgrelid = 'completion'::regclass AND NOT tgisinternal"
    assert rows(database_url, called) == [("completion_restores_claims", 0)], "not for each row"


def test_a_correction_is_undone_once(game: Game) -> None:
    reset = game.reset(WIN)
    game.undo(reset)
    with pytest.raises(SupportRefused, match="is undone already"):
        game.undo(reset)
    assert rows_of(game.database, "SELECT sum, events FROM tally WHERE stat_code = 'kills'") == [(1, 1)]
    game.play(WIN, 2)
    completed = game.complete(MORE)
    game.undo(completed)
    game.play(MORE, 5)
    with pytest.raises(SupportRefused, match="is undone already"):
        game.undo(completed)
    assert game.state(MORE) is GoalState.COMPLETED


def test_a_claim_that_is_refused_while_its_goal_is_reopened_can_be_made_again(game: Game) -> None:
    game.play(WIN, 2)
    game.claim(WIN)
    game.reset(WIN)
    [(provider,)] = rows_of(game.database, "SELECT provider FROM reward_outbox")
    lease = Lease(str(provider), "tests", NOW + DAY)
    [delivery] = game.database.autocommit(
        lambda connection: delivery_queue.lease_due(connection, lease, 1, NOW + 1), soon()
    )
    refused = Settled(delivery, Settlement(ClaimState.REFUSED, refusal=RefusalReason.INVENTORY_FULL))
    settle.record(game.database, [refused], NOW + 2, soon())
    game.check()
    game.play(WIN, 3)
    assert game.state(WIN) is GoalState.COMPLETED
    game.claim(WIN)
    claims = rows_of(game.database, "SELECT claim_number, state FROM reward_outbox ORDER BY 1")
    assert claims == [(1, "REFUSED"), (2, "PENDING")]
    game.check()
