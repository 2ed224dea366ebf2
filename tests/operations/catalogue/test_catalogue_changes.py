"""Changes of the catalogue preserve what players have reached."""

from __future__ import annotations

from dataclasses import replace

from shared.domain.events import Event
from shared.domain.instant import DAY
from shared.domain.progress import GoalState, GoalStatus
from shared.operations.goals.initialize import initialize_player
from shared.operations.rewards.claim import claim_reward
from shared.postgres.database import Database
from tests.support.databases import flushed, soon, status_of
from tests.support.flushing import flush
from tests.support.goals import catalogue_of, goal
from tests.support.strategies import FIRST_DAY, KILLS

NOW = FIRST_DAY * DAY
WIN = goal("win", target=3)
LATER = goal("later", target=2)
BEFORE = catalogue_of(WIN)
AFTER = catalogue_of(WIN, LATER)


def kills(database: Database, count: int) -> None:
    """Flush `count` events."""
    flush(database, BEFORE, [Event(f"{number}", "player", NOW, KILLS, delta=1) for number in range(count)], soon())


def test_a_default_goal_added_later_is_active_for_existing_players(database: Database) -> None:
    initialize_player(database, "player", None, NOW, soon())
    kills(database, 1)
    status = status_of(database, AFTER, "player", LATER)
    assert (status.active, status.state, status.progress) == (True, GoalState.IN_PROGRESS, 1)
    assert not initialize_player(database, "player", None, NOW, soon()).created


def test_a_goal_already_satisfied_when_added_can_be_claimed(database: Database) -> None:
    kills(database, 2)
    status = status_of(database, AFTER, "player", LATER)
    assert (status.state, status.complete_time) == (GoalState.COMPLETED, None)
    claim_reward(database, AFTER, "player", LATER, None, NOW, soon())
    assert status_of(database, AFTER, "player", LATER).state is GoalState.CLAIMED


def test_a_goal_that_returns_has_its_completion_and_its_claim(database: Database) -> None:
    kills(database, 3)
    completed = status_of(database, BEFORE, "player", WIN)
    assert completed.state is GoalState.COMPLETED
    without = catalogue_of(LATER)
    flush(database, without, [Event("meanwhile", "player", NOW, KILLS, delta=1)], soon())
    assert status_of(database, BEFORE, "player", WIN) == completed
    claim_reward(database, BEFORE, "player", WIN, None, NOW, soon())
    assert status_of(database, without, "player", LATER).completed
    assert status_of(database, BEFORE, "player", WIN).state is GoalState.CLAIMED


def test_a_completed_goal_stays_completed_when_its_target_rises_or_its_default_is_turned_off(
    database: Database,
) -> None:
    kills(database, 3)
    completed = status_of(database, BEFORE, "player", WIN)

    def under(changed: object) -> GoalStatus:
        assert isinstance(changed, type(WIN))
        return status_of(database, catalogue_of(changed), "player", changed)

    assert under(replace(WIN, default_assigned=False)) == completed
    assert under(replace(WIN, target=50)) == completed._replace(progress=50)
    optional = replace(WIN, default_assigned=False)
    claim_reward(database, catalogue_of(optional), "player", optional, None, NOW, soon())


def test_a_completed_goal_that_reaches_a_raised_target_is_not_completed_again(database: Database) -> None:
    kills(database, 3)
    harder = catalogue_of(replace(WIN, target=5))
    more = [Event(f"more {number}", "player", NOW + number, KILLS, delta=1) for number in range(3)]
    assert [outcome.completions for outcome in flushed(database, harder, more)] == [()] * 3
    assert status_of(database, harder, "player", harder.goals["win"]).complete_time == NOW


def test_a_goal_whose_target_falls_below_the_progress_is_completed(database: Database) -> None:
    kills(database, 2)
    easier = replace(WIN, target=2)
    assert status_of(database, BEFORE, "player", WIN).state is GoalState.IN_PROGRESS
    assert status_of(database, catalogue_of(easier), "player", easier).state is GoalState.COMPLETED
