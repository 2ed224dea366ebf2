"""Goals that operators took back while nothing completes them, and that are completed again without an event."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from shared.domain.catalogue import Catalogue
from shared.domain.current_periods import current_periods
from shared.domain.errors import AlreadyClaimed
from shared.domain.events import Event
from shared.domain.goal import Goal
from shared.domain.instant import DAY
from shared.domain.operator_acts import Acting
from shared.domain.progress import GoalState, goal_status
from shared.domain.reward import Reward, RewardType, Tier
from shared.operations.goals.activate import set_goal_active
from shared.operations.goals.view_player import view_player
from shared.operations.operators import goal_support
from shared.operations.operators.goal_support import GoalSupport
from shared.operations.rewards.claim import claim_reward
from shared.operations.rewards.claim_all import claim_all
from shared.operations.statistics.recalculate import recalculate
from shared.postgres.database import Database
from tests.support.databases import flushed, soon, status_of
from tests.support.goals import catalogue_of, goal
from tests.support.services import rows
from tests.support.strategies import FIRST_DAY, KILLS

NOW = FIRST_DAY * DAY
ACTING = Acting(NOW, "ada", "a test")
COINS = Reward(RewardType.WALLET, "COINS", 1)
GOALS = {
    "one step": goal(target=2),
    "two rewards": replace(goal(target=2), further_rewards=(COINS,)),
    "repeats": replace(goal(target=2), repeat=3),
    "repeats with two rewards": replace(goal(target=2), repeat=3, further_rewards=(COINS,)),
    "tiers": replace(
        goal(target=6), tiers=tuple(Tier(f"{n}", 2 * n, (COINS,)) for n in (1, 2, 3)), reward=COINS
    ),
}  # fmt: skip


def report(database: Database, catalogue: Catalogue, event_id: str, delta: int) -> None:
    flushed(database, catalogue, [Event(event_id, "player", NOW, KILLS, delta=delta)], now=NOW)


def reopen(database: Database, catalogue: Catalogue, what: Goal) -> None:
    support = GoalSupport(catalogue, "player", what, ACTING)
    goal_support.perform(database, lambda connection: support.reopen(connection, None), soon(), dry=False)


def grants(database: Database) -> Counter[tuple[int, int]]:
    """Return the occurrences and numbers of granted rewards."""
    found = "SELECT occurrence, reward_number FROM reward_outbox"
    return Counter(database.autocommit(lambda connection: connection.execute(found).fetchall(), soon()))


@pytest.mark.parametrize("all_at_once", [False, True], ids=["ClaimReward", "ClaimAll"])
@pytest.mark.parametrize("of", GOALS)
def test_a_goal_that_was_reopened_while_suspended_is_claimed_once(
    database: Database, database_url: str, of: str, all_at_once: bool
) -> None:
    what = GOALS[of]
    catalogue = catalogue_of(what)
    steps = min(2, what.steps)
    report(database, catalogue, "first", 2 * steps)
    for _ in range(steps):
        claim_reward(database, catalogue, "player", what, None, NOW, soon())
    granted = grants(database)

    suspended = replace(what, suspended=True)
    reopen(database, catalogue_of(suspended), suspended)
    if all_at_once:
        assert [each.newly_claimed for each in claim_all(database, catalogue, "player", [what], NOW, soon())] == [
            False
        ] * steps
    else:
        with pytest.raises(AlreadyClaimed):
            claim_reward(database, catalogue, "player", what, None, NOW, soon())
    assert grants(database) == granted
    # It is stored with its claim, and so shown as claimed.
    with_claims = rows(database_url, "SELECT count(*) FROM completion WHERE claim_time IS NOT NULL")
    assert with_claims == [(steps,)]
    shown = status_of(database, catalogue, "player", what)
    assert shown.state is (GoalState.CLAIMED if what.steps == 1 else GoalState.IN_PROGRESS)
    if what.steps > steps:
        report(database, catalogue, "second", 2)
        assert claim_reward(database, catalogue, "player", what, None, NOW, soon()).key.occurrence == 3
    assert recalculate(database, catalogue, ["player"], soon()) == []


def test_later_completions_are_claimed_by_the_call_that_stores_the_reopened(database: Database) -> None:
    what = GOALS["repeats"]
    catalogue, suspended = catalogue_of(what), replace(what, suspended=True)
    report(database, catalogue, "first", 4)
    for _ in range(2):
        claim_reward(database, catalogue, "player", what, None, NOW, soon())
    reopen(database, catalogue_of(suspended), suspended)
    report(database, catalogue_of(suspended), "second", 2)
    assert claim_reward(database, catalogue, "player", what, None, NOW, soon()).key.occurrence == 3
    assert grants(database) == Counter({(1, 1): 1, (2, 1): 1, (3, 1): 1})


@pytest.mark.parametrize("of", GOALS)
def test_an_activation_returns_what_was_claimed_before_as_claimed(database: Database, of: str) -> None:
    what = replace(GOALS[of], default_assigned=False)
    catalogue = catalogue_of(what)
    set_goal_active(database, catalogue, "player", what, True, NOW, soon())
    report(database, catalogue, "first", 2 * what.steps)
    for _ in range(what.steps):
        claim_reward(database, catalogue, "player", what, None, NOW, soon())
    set_goal_active(database, catalogue, "player", what, False, NOW, soon())
    reopen(database, catalogue, what)
    computed = set_goal_active(database, catalogue, "player", what, True, NOW, soon())
    stored = view_player(database, "player", soon(), current_periods(catalogue, NOW))
    assert goal_status(what, computed, catalogue) == goal_status(what, stored, catalogue)
    assert goal_status(what, stored, catalogue).state is GoalState.CLAIMED
