"""Activation and deactivation of goals."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from shared.domain.current_periods import current_periods
from shared.domain.events import Event
from shared.domain.goal import Counting
from shared.domain.instant import DAY
from shared.domain.progress import GoalState, goal_status
from shared.domain.reward import ClaimMode, Reward, RewardType, Tier
from shared.operations.goals.activate import set_goal_active
from shared.operations.goals.view_player import view_player
from shared.postgres.database import Database
from tests.support.databases import connected, flushed, soon, status_of
from tests.support.flushing import flush
from tests.support.goals import catalogue_of, goal
from tests.support.strategies import FIRST_DAY, KILLS

NOW = FIRST_DAY * DAY
COINS = Reward(RewardType.WALLET, "COINS", 1)
OPTIONAL = goal("optional", target=3, default_assigned=False)
CATALOGUE = catalogue_of(OPTIONAL, goal("default", target=3, counting=Counting.EVENTS))


def kill(database: Database, number: int) -> list[str]:
    """Flush one event, and return the goals that it completed."""
    (outcome,) = flushed(database, CATALOGUE, [Event(f"{number}", "player", NOW, KILLS, delta=1)])
    return [key.goal_id for key in outcome.completions]


def rows(database_url: str, table: str) -> int:
    """Return the number of rows of a table."""
    counts = {
        "assignment": "SELECT count(*) FROM assignment",
        "completion": "SELECT count(*) FROM completion",
        "tally": "SELECT count(*) FROM tally",
    }
    with connected(database_url) as connection:
        row = connection.execute(counts[table]).fetchone()
        assert row is not None
        return int(row[0])


def test_setting_an_already_set_goal_writes_nothing(database: Database, database_url: str) -> None:
    set_goal_active(database, CATALOGUE, "player", OPTIONAL, False, NOW, soon())
    set_goal_active(database, CATALOGUE, "player", CATALOGUE.goals["default"], True, NOW, soon())
    assert rows(database_url, "assignment") == rows(database_url, "tally") == 0
    set_goal_active(database, CATALOGUE, "player", OPTIONAL, True, NOW, soon())
    set_goal_active(database, CATALOGUE, "player", OPTIONAL, True, NOW + 5, soon())
    assert status_of(database, CATALOGUE, "player", OPTIONAL).assign_time == NOW


def test_activation_counts_earlier_events_and_completes_a_satisfied_goal(database: Database) -> None:
    for number in range(3):
        kill(database, number)
    assert status_of(database, CATALOGUE, "player", OPTIONAL).state is GoalState.NOT_STARTED
    set_goal_active(database, CATALOGUE, "player", OPTIONAL, True, NOW, soon())
    status = status_of(database, CATALOGUE, "player", OPTIONAL)
    assert (status.state, status.progress, status.complete_time) == (GoalState.COMPLETED, 3, None)
    assert "optional" in view_player(database, "player", soon()).completions


def test_a_deactivated_goal_freezes_and_completes_nothing(database: Database) -> None:
    default = CATALOGUE.goals["default"]
    kill(database, 0)
    set_goal_active(database, CATALOGUE, "player", default, False, NOW, soon())
    assert [kill(database, number) for number in range(1, 5)] == [[]] * 4
    status = status_of(database, CATALOGUE, "player", default)
    assert (status.active, status.state, status.progress) == (False, GoalState.IN_PROGRESS, 1)
    set_goal_active(database, CATALOGUE, "player", default, True, NOW, soon())
    assert status_of(database, CATALOGUE, "player", default).state is GoalState.COMPLETED


REWARDS = {
    "one reward": goal("auto", target=3, default_assigned=False),
    "two rewards": replace(goal("auto", target=3, default_assigned=False), further_rewards=(COINS,)),
    "a premium track": replace(
        goal("auto", target=3, default_assigned=False), further_rewards=(replace(COINS, requires_attribute="premium"),)
    ),
    "repeats": replace(goal("auto", target=1, default_assigned=False), repeat=4),
    "tiers": replace(
        goal("auto", target=5, default_assigned=False),
        tiers=(Tier("a", 1, (COINS, COINS)), Tier("b", 2, (COINS,)), Tier("c", 5, (COINS,))),
        reward=COINS,
    ),
}


@pytest.mark.parametrize("of", REWARDS)
def test_an_activation_returns_what_it_claims_automatically(database: Database, of: str) -> None:
    what = replace(REWARDS[of], claim_mode=ClaimMode.AUTO)
    catalogue = catalogue_of(what)
    flushed(database, catalogue, [Event("before", "player", NOW, KILLS, delta=3)])
    computed = set_goal_active(database, catalogue, "player", what, True, NOW, soon())
    shown = goal_status(what, computed, catalogue)
    assert shown == goal_status(
        what, view_player(database, "player", soon(), current_periods(catalogue, NOW)), catalogue
    )
    assert shown.state is (GoalState.CLAIMED if what.steps == 1 else GoalState.IN_PROGRESS)
    assert shown.claimable == 0


def test_many_first_activations_at_once_all_succeed(database: Database, database_url: str) -> None:
    def activate(number: int) -> bool:
        view = set_goal_active(database, CATALOGUE, "player", OPTIONAL, True, NOW + number, soon())
        return view.assignments["optional"].active

    with ThreadPoolExecutor(8) as callers:
        assert all(callers.map(activate, range(8)))
    assert rows(database_url, "assignment") == 1


def test_activation_concurrent_with_the_deciding_event_completes_the_goal(database: Database) -> None:
    # Whichever commits first is seen by the other one, so the completion is always stored.
    for number in range(30):
        user_id = f"player {number}"
        before = [Event(f"{part}", user_id, NOW, KILLS, delta=1) for part in range(2)]
        flush(database, CATALOGUE, before, soon())
        last = Event("last", user_id, NOW, KILLS, delta=1)
        with ThreadPoolExecutor(2) as callers:
            callers.submit(set_goal_active, database, CATALOGUE, user_id, OPTIONAL, True, NOW, soon())
            flushed = callers.submit(flush, database, CATALOGUE, [last], soon())
        assert flushed.exception() is None
        assert "optional" in view_player(database, user_id, soon()).completions
