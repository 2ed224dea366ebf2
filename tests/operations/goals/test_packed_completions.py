"""Packed completions are read, claimed, corrected, carried forward and erased as the others are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings

from shared.domain.catalogue import Catalogue
from shared.domain.claims import Claim
from shared.domain.errors import AlreadyClaimed
from shared.domain.events import Event
from shared.domain.grant_changes import Act, refunded
from shared.domain.instant import DAY, LIFETIME_START
from shared.domain.progress import GoalState
from shared.domain.reward import Reward, RewardType
from shared.domain.schedules import DAILY
from shared.operations.operators import goal_support
from shared.operations.operators.goal_support import GoalSupport
from shared.operations.rewards import grant_admin
from shared.operations.rewards.claim import claim_reward
from shared.operations.rewards.grant_admin import OperatorAction
from shared.operations.statistics.recalculate import recalculate
from shared.postgres.database import Database
from shared.postgres.goals import completions, settled_completions
from shared.postgres.goals.settled_completions import Fewest, PlayerBusy
from shared.postgres.operators import player_data
from shared.postgres.statistics import histories
from tests.operations.statistics.test_challenge_counts import do
from tests.operations.stories import PLAYERS, Story, stories
from tests.operations.system import System
from tests.support.counting import count_challenges, figures, forget_counts
from tests.support.databases import connected, flushed, soon, status_of
from tests.support.goals import catalogue_of, goal
from tests.support.packing import completions_by_table, pack_all, settle_all
from tests.support.services import ACTING, rows
from tests.support.strategies import FIRST_DAY, KILLS

NOW = FIRST_DAY * DAY
SKIN = Reward(RewardType.ITEM, "SKIN", 1)
WIN = replace(goal("win", target=1), points=5, tags=("a, b", "pvp"))
DAILY_WIN = goal("daily", target=1, schedule=DAILY)
REPEATED = replace(goal("repeated", target=1), repeat=4)
CATALOGUE = catalogue_of(WIN, DAILY_WIN, REPEATED, goal("later", target=9))


def report(database: Database, catalogue: Catalogue, event_id: str, delta: int = 1, day: int = 0) -> list[Any]:
    outcomes = flushed(database, catalogue, [Event(event_id, "player", NOW + day * DAY, KILLS, delta=delta)])
    return [key for outcome in outcomes for key in outcome.completions]


def claim(database: Database, catalogue: Catalogue, goal_id: str, request_id: str | None = None, **of: Any) -> Claim:
    return claim_reward(database, catalogue, "player", catalogue.goals[goal_id], request_id, NOW, soon(), **of)


def pack(database: Database, catalogue: Catalogue = CATALOGUE, days: int = 90) -> int:
    settle_all(database, "player")
    return pack_all(database, catalogue, ["player"], NOW + days * DAY)


@pytest.fixture
def packed(database: Database) -> Claim:
    """Return the claim of a packed completion, beside other packed ones of the same player."""
    assert len(report(database, CATALOGUE, "1", delta=2)) == 4
    first = claim(database, CATALOGUE, "win", "request")
    claim(database, CATALOGUE, "daily")
    for occurrence in (1, 2):
        claim(database, CATALOGUE, "repeated", occurrence=occurrence)
    assert pack(database) == 4
    return first


@pytest.mark.usefixtures("packed")
def test_the_lifetime_and_each_month_have_a_row(database_url: str) -> None:
    found = rows(database_url, "SELECT goal_ids, occurrences FROM settled_completion ORDER BY to_start")
    assert found == [(["repeated", "repeated", "win"], [1, 2, 1]), (["daily"], None)]
    assert completions_by_table(database_url) == (0, 4)


def test_a_repeated_claim_returns_the_same_grant_and_another_one_is_refused(database: Database, packed: Claim) -> None:
    assert claim(database, CATALOGUE, "win", "request").grant_id == packed.grant_id
    with pytest.raises(AlreadyClaimed):
        claim(database, CATALOGUE, "win", "another")
    with pytest.raises(AlreadyClaimed):
        claim(database, CATALOGUE, "daily", period_start=NOW)


@pytest.mark.usefixtures("packed")
def test_a_target_that_is_reached_again_completes_nothing_again(database: Database, database_url: str) -> None:
    raised = catalogue_of(replace(WIN, target=5), replace(DAILY_WIN, target=5), replace(REPEATED, target=5))
    # The first two of the repeated goal are packed.
    assert [key.occurrence for key in report(database, raised, "2", delta=20)] == [3, 4]
    assert completions_by_table(database_url) == (2, 4)
    assert recalculate(database, raised, ["player"], soon()) == []


def test_a_refund_makes_a_packed_goal_claimable_again(database: Database, packed: Claim, database_url: str) -> None:
    action = OperatorAction(Act.REFUND, lambda grant: refunded(grant, NOW), "ada", "asked for it")
    grant_admin.perform(database, UUID(packed.grant_id), action, NOW, soon(), dry=False)
    assert completions_by_table(database_url) == (1, 3), "the others stay packed"
    assert claim(database, CATALOGUE, "win").claim_number == 2
    assert recalculate(database, CATALOGUE, ["player"], soon()) == []


@pytest.mark.usefixtures("packed")
def test_a_reward_that_the_goal_gets_later_can_be_claimed(database: Database) -> None:
    grown = catalogue_of(replace(WIN, further_rewards=(SKIN,)))
    assert [each.reward.id for each in claim(database, grown, "win").each] == ["SKIN"]
    assert pack(database) == 1, "the others stayed packed"
    with pytest.raises(AlreadyClaimed):
        claim(database, grown, "win")


@pytest.mark.usefixtures("packed")
def test_an_operator_takes_a_packed_completion_back(database: Database, database_url: str) -> None:
    support = GoalSupport(CATALOGUE, "player", WIN, ACTING)
    goal_support.perform(database, lambda connection: support.reset(connection, with_others=True), soon(), dry=False)
    assert status_of(database, CATALOGUE, "player", WIN).state is GoalState.NOT_STARTED
    assert completions_by_table(database_url) == (0, 3), "the others stay packed"
    assert report(database, CATALOGUE, "2", day=1)
    assert status_of(database, CATALOGUE, "player", WIN).state is GoalState.CLAIMED, "the claim stands"


def test_completions_that_may_still_change_stay(database: Database, database_url: str) -> None:
    report(database, CATALOGUE, "1", delta=2)
    for goal_id in ("win", "daily"):
        claim(database, CATALOGUE, goal_id)
    assert pack_all(database, CATALOGUE, ["player"], NOW + 90 * DAY) == 0, "the grants are not settled"
    assert pack(database, days=0) == 1, "the day is not over"
    assert completions_by_table(database_url) == (3, 1)
    assert pack(database) == 1
    assert completions_by_table(database_url) == (2, 2), "what is not claimed stays"


def test_a_row_has_a_limit_and_is_not_written_again_for_few(
    database: Database, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    goals = [goal(f"goal {number:02}", target=1) for number in range(20)]
    catalogue = catalogue_of(*goals)
    report(database, catalogue, "1")
    for each in goals[:16]:
        claim(database, catalogue, each.id)
    monkeypatch.setattr(settled_completions, "ROW_MAX", 19)
    assert pack(database, catalogue) == 16
    claim(database, catalogue, "goal 16")
    assert pack(database, catalogue) == 0
    for each in goals[17:]:
        claim(database, catalogue, each.id)
    assert pack(database, catalogue) == 3
    assert completions_by_table(database_url) == (1, 19)


def test_a_month_of_few_completions_is_left_as_it_is(database: Database, database_url: str) -> None:
    report(database, CATALOGUE, "1", delta=2)
    claim(database, CATALOGUE, "daily")
    claim(database, CATALOGUE, "win")
    for occurrence in (1, 2):
        claim(database, CATALOGUE, "repeated", occurrence=occurrence)
    settle_all(database, "player")
    later = NOW + 90 * DAY
    assert pack_all(database, CATALOGUE, ["player"], later, Fewest(1, 4)) == 0
    assert pack_all(database, CATALOGUE, ["player"], later, Fewest(1, 3)) == 3
    assert rows(database_url, "SELECT goal_id FROM completion") == [("daily",)]


@pytest.mark.parametrize("held", ["tally", "completion"])
def test_a_player_whose_rows_are_locked_is_left_alone(database: Database, database_url: str, held: str) -> None:
    report(database, CATALOGUE, "1")
    claim(database, CATALOGUE, "win")
    with connected(database_url) as other:
        other.execute("BEGIN")
        other.execute(f"SELECT FROM {held} WHERE user_id = 'player' FOR UPDATE".encode())
        with pytest.raises(PlayerBusy):
            pack(database)
        other.execute("ROLLBACK")
    assert pack(database) == 1


def test_a_player_of_whom_nothing_can_be_packed_is_not_locked(database: Database, database_url: str) -> None:
    report(database, CATALOGUE, "1")
    claim(database, CATALOGUE, "daily")
    with connected(database_url) as other:
        other.execute("BEGIN")
        other.execute("SELECT FROM tally WHERE user_id = 'player' FOR UPDATE")
        assert pack(database, days=0) == 0, "the day is not over"
        other.execute("ROLLBACK")


@pytest.mark.usefixtures("packed")
def test_a_player_whose_completions_are_unpacked_is_left_alone(database: Database, database_url: str) -> None:
    with connected(database_url) as other:
        other.execute("BEGIN")
        assert settled_completions.unpack(other, ["player"]) == 4
        with pytest.raises(PlayerBusy):
            pack_all(database, CATALOGUE, ["player"], NOW + 90 * DAY)
        other.execute("COMMIT")
    assert completions_by_table(database_url) == (4, 0)


def everything(system: System, players: Sequence[str]) -> dict[str, Any]:
    """Return all that is computed from completions, and everything that is stored of the players but where."""
    database, ids = system.database, [system.prefix + player for player in players]
    forget_counts(database)
    assert count_challenges(database, system.catalogue, system.now)

    def stored(connection: Any) -> tuple[Any, ...]:
        starts = [LIFETIME_START, *(NOW + day * DAY for day in range(-3, 40))]
        return (
            [
                row
                for user_id in ids
                for row in player_data.read_rows(connection, user_id)
                if row.table not in ("changed_player", "counted_player")
            ],
            [completions.read_of_periods(connection, user_id, starts) for user_id in ids],
            [
                (sorted(map(str, history.completed)), history.adjustments, history.standings)
                for _, history in sorted(histories.read(connection, ids).items())
            ],
        )

    return {
        "stored": database.autocommit(stored, soon()),
        "reports": figures(database),
        **{player: (system.statuses(player), system.shown(player), system.reached(player)) for player in players},
    }


@settings(max_examples=20)
@given(stories())
def test_no_read_tells_packed_completions_from_others(two_connections: Database, story: Story) -> None:
    system = System(two_connections, story.catalogue)
    for step in story.steps:
        do(system, step)
    settle_all(two_connections, system.prefix)
    before = everything(system, PLAYERS)
    ids = [system.prefix + player for player in PLAYERS]
    packed = pack_all(two_connections, system.catalogue, ids, system.now)
    assert everything(system, PLAYERS) == before
    unpacked = two_connections.transact(lambda connection: settled_completions.unpack(connection, ids), soon())
    assert unpacked == packed
    assert everything(system, PLAYERS) == before
