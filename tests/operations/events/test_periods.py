"""Goals with a schedule are completed in the period of the event's time."""

from __future__ import annotations

from dataclasses import replace

import pytest

from shared.domain.current_periods import current_periods
from shared.domain.events import Event, Verdict
from shared.domain.goal import Counting
from shared.domain.instant import DAY, HOUR, Instant
from shared.domain.progress import GoalState, GoalStatus, goal_status
from shared.domain.schedules import DAILY, WEEKLY
from shared.operations.goals.activate import set_goal_active
from shared.operations.goals.view_player import view_player
from shared.postgres.database import Database
from tests.support.databases import flushed, soon
from tests.support.goals import catalogue_of, goal
from tests.support.strategies import FIRST_DAY, KILLS

NOON = FIRST_DAY * DAY + 12 * HOUR
TODAY = FIRST_DAY * DAY
DAILY_WIN = goal("daily", target=3, schedule=DAILY)
DAILY_BEST = goal("best", target=5, schedule=DAILY, counting=Counting.HIGHEST)
WEEKLY_WIN = goal("weekly", target=5, schedule=WEEKLY)
EVER_WIN = goal("ever", target=7)
OPTIONAL = goal("optional", target=2, schedule=DAILY, default_assigned=False)
CATALOGUE = catalogue_of(DAILY_WIN, DAILY_BEST, WEEKLY_WIN, EVER_WIN, OPTIONAL)


def kill(event_id: str, time: Instant, delta: int = 1, value: int | None = None) -> Event:
    """Return an event."""
    return Event(event_id, "player", time, KILLS, delta=delta, value=value)


def completed(database: Database, *batch: Event) -> list[list[tuple[str, int]]]:
    """Flush events, and return what each completed, by goal and by day of the period's start from the first day."""
    outcomes = flushed(database, CATALOGUE, batch)
    return [
        sorted((key.goal_id, key.period_start // DAY - FIRST_DAY) for key in outcome.completions)
        for outcome in outcomes
    ]


def status(database: Database, goal_id: str, now: Instant) -> GoalStatus:
    """Return the goal's status in its current period."""
    view = view_player(database, "player", soon(), current_periods(CATALOGUE, now))
    return goal_status(CATALOGUE.goals[goal_id], view, CATALOGUE)


def test_each_period_has_progress_and_a_completion_of_its_own(database: Database) -> None:
    assert completed(database, kill("1", NOON, 3), kill("2", NOON + DAY, 2)) == [[("daily", 0)], [("weekly", -2)]]
    assert status(database, "daily", NOON)[2:4] == (GoalState.COMPLETED, 3)
    assert status(database, "daily", NOON + DAY)[2:4] == (GoalState.IN_PROGRESS, 2)
    assert status(database, "daily", NOON + 2 * DAY)[2:4] == (GoalState.NOT_STARTED, 0)
    assert completed(database, kill("3", NOON + DAY), kill("4", NOON + DAY, value=5)) == [
        [("daily", 1)],
        [("best", 1), ("ever", -FIRST_DAY)],
    ]
    assert status(database, "daily", NOON + DAY).complete_time == NOON + DAY
    assert status(database, "weekly", NOON).complete_time == NOON + DAY


def test_a_late_event_counts_for_the_period_of_its_time(database: Database) -> None:
    assert completed(database, kill("1", NOON + DAY, 2), kill("2", NOON, 2)) == [[], []]
    # Only events of the period are walked: the first of these is of the day after.
    assert completed(database, kill("3", NOON + DAY, 0), kill("4", NOON, 1)) == [[], [("daily", 0), ("weekly", -2)]]
    assert status(database, "daily", NOON).complete_time == NOON
    assert status(database, "daily", NOON + DAY).progress == 2


@pytest.mark.parametrize("size", [1, 2, 4])
def test_the_last_and_the_first_instant_around_a_boundary_are_in_different_periods(
    database: Database, size: int
) -> None:
    tomorrow = TODAY + DAY
    batch = [kill(f"{time} {part}", time, 2) for part in range(2) for time in (tomorrow - 1, tomorrow)]
    found = [part for start in range(0, 4, size) for part in completed(database, *batch[start : start + size])]
    daily = [[key for key in each if key[0] == "daily"] for each in found]
    assert daily == [[], [], [("daily", 0)], [("daily", 1)]]


def test_a_repeated_event_changes_no_period(database: Database) -> None:
    completed(database, kill("1", NOON, 2))
    outcomes = flushed(database, CATALOGUE, [kill("1", NOON, 2), kill("1", NOON, 2)])
    assert [outcome.verdict for outcome in outcomes] == [Verdict.DUPLICATE] * 2
    assert status(database, "daily", NOON).progress == 2


def test_activation_completes_in_the_current_period_and_holds_in_the_next(database: Database) -> None:
    completed(database, kill("1", NOON - DAY, 2), kill("2", NOON, 2))
    set_goal_active(database, CATALOGUE, "player", OPTIONAL, True, NOON, soon())
    assert status(database, "optional", NOON)[2:6] == (GoalState.COMPLETED, 2, NOON, None)
    view = view_player(database, "player", soon(), current_periods(CATALOGUE, NOON - DAY))
    assert "optional" not in view.completions
    assert ("optional", 1) in completed(database, kill("3", NOON + DAY, 2))[0]


def test_a_deactivated_goal_keeps_its_progress_until_the_period_ends(database: Database) -> None:
    completed(database, kill("1", NOON, 2))
    set_goal_active(database, CATALOGUE, "player", DAILY_WIN, False, NOON, soon())
    assert completed(database, kill("2", NOON, 2), kill("3", NOON + DAY, 5)) == [
        [],
        [("ever", -FIRST_DAY), ("weekly", -2)],
    ]
    assert status(database, "daily", NOON)[2:4] == (GoalState.IN_PROGRESS, 2)
    assert status(database, "daily", NOON + DAY)[2:4] == (GoalState.NOT_STARTED, 0)


def test_a_suspended_goal_is_completed_by_nothing(database: Database) -> None:
    suspended = catalogue_of(*(replace(each, suspended=True) for each in CATALOGUE.goals.values()))
    outcomes = flushed(database, suspended, [kill("1", NOON, 9, value=9)])
    assert not outcomes[0].completions
    set_goal_active(database, suspended, "player", suspended.goals["optional"], True, NOON, soon())
    view = view_player(database, "player", soon(), current_periods(suspended, NOON))
    assert not view.completions
    states = {goal_status(each, view, suspended).state for each in suspended.goals.values()}
    assert states == {GoalState.IN_PROGRESS}
