"""Goals that a reload satisfies are stored as completed at the next login, before their periods end."""

from __future__ import annotations

from dataclasses import replace

from shared.domain.catalogue import Catalogue
from shared.domain.current_periods import current_periods, shown_periods
from shared.domain.events import Event
from shared.domain.goal import Counting
from shared.domain.grants import Granting
from shared.domain.instant import DAY, Instant
from shared.domain.progress import PlayerView
from shared.domain.reward import ClaimMode
from shared.domain.schedules import DAILY
from shared.operations.goals.activate import set_goal_active
from shared.operations.goals.keep_completions import keep_completions
from shared.operations.goals.view_player import view_player
from shared.operations.rewards.claim import claim_reward
from shared.operations.statistics.recalculate import recalculate
from shared.postgres.database import Database
from tests.support.databases import connected, flushed, soon
from tests.support.goals import catalogue_of, goal
from tests.support.strategies import FIRST_DAY, KILLS

NOW = FIRST_DAY * DAY + 5


def kept(database: Database, catalogue: Catalogue, now: Instant = NOW) -> PlayerView:
    """Do what a login does, and return the player's view."""
    shown = shown_periods(catalogue, now)
    view = view_player(database, "player", soon(), shown)
    return keep_completions(database, catalogue, "player", view, shown, now, soon(), Granting(now))


def stored(database_url: str) -> list[tuple[object, ...]]:
    """Return goal and claim number of all completions."""
    with connected(database_url) as connection:
        return connection.execute("SELECT goal_id, claim_number FROM completion ORDER BY goal_id").fetchall()


def test_a_lowered_target_is_kept_after_the_end_of_its_period(database: Database, database_url: str) -> None:
    daily, inactive = goal("daily", target=9, schedule=DAILY), goal("inactive", target=9, default_assigned=False)
    flushed(database, catalogue_of(daily, inactive), [Event("id", "player", NOW, KILLS, delta=3)])
    lowered = catalogue_of(replace(daily, target=3), replace(inactive, target=3))
    assert kept(database, lowered).completions.keys() == {"daily"}
    assert stored(database_url) == [("daily", 0)]
    claim = claim_reward(database, lowered, "player", lowered.goals["daily"], None, NOW + 3 * DAY, soon())
    assert claim.key.period_start == FIRST_DAY * DAY
    assert recalculate(database, lowered, ["player"], soon()) == []


def test_a_lowered_target_of_the_newest_value_is_judged_by_the_highest(database: Database, database_url: str) -> None:
    level = goal("level", counting=Counting.LATEST, target=9)
    flushed(database, catalogue_of(level), [Event(str(value), "player", NOW, KILLS, value=value) for value in (7, 2)])
    assert kept(database, catalogue_of(replace(level, target=8))).completions == {}
    assert kept(database, catalogue_of(replace(level, target=7))).completions.keys() == {"level"}
    assert stored(database_url) == [("level", 0)]


def test_completions_that_a_suspension_left_open_are_kept_once_it_has_ended(
    database: Database, database_url: str
) -> None:
    suspended = goal("win", target=1)
    catalogue = catalogue_of(replace(suspended, suspended=True))
    flushed(database, catalogue, [Event("id", "player", NOW, KILLS, delta=1)])
    assert kept(database, catalogue).completions == {}
    assert kept(database, catalogue_of(suspended)).completions.keys() == {"win"}
    assert stored(database_url) == [("win", 0)]


def test_goals_that_become_automatic_are_claimed_with_all_that_they_require(
    database: Database, database_url: str
) -> None:
    won, far = goal("won", target=1), goal("far", target=9)
    locked, off = goal("locked", target=1, requires=("far",)), goal("off", target=1)
    before = catalogue_of(won, far, locked, off)
    flushed(database, before, [Event("id", "player", NOW, KILLS, delta=1)])
    set_goal_active(database, before, "player", off, False, NOW, soon())
    automatic = [replace(each, claim_mode=ClaimMode.AUTO) for each in (won, far, locked, off)]
    assert kept(database, catalogue_of(*automatic)).completions["won"].claim_time == NOW
    assert stored(database_url) == [("locked", 0), ("off", 0), ("won", 1)]
    lowered = catalogue_of(*(replace(each, target=1) for each in automatic))
    assert kept(database, lowered).completions["locked"].claim_time == NOW
    assert stored(database_url) == [("far", 1), ("locked", 1), ("off", 0), ("won", 1)]


def test_the_database_is_not_called_if_nothing_is_missing(database: Database) -> None:
    catalogue = catalogue_of(goal("win", target=1), replace(goal("far"), claim_mode=ClaimMode.AUTO))
    flushed(database, catalogue, [Event("id", "player", NOW, KILLS, delta=1)])
    current = current_periods(catalogue, NOW)
    view = view_player(database, "player", soon(), current)
    over = soon(-1)
    assert keep_completions(database, catalogue, "player", view, current, NOW, over, Granting(NOW)) is view
