"""Additions of completions to the tallies of goals over goals and over points."""

from __future__ import annotations

from dataclasses import replace

import pytest

from shared.domain.cascades import POINTS_OF_EVERYTHING, Feed, counted_stat, crossing_feed, fold_feeds, tally_of
from shared.domain.catalogue import Catalogue
from shared.domain.goal import CountedGoals, Source
from shared.domain.instant import DAY
from shared.domain.schedules import DAILY, WEEKLY, Schedule, Season, SeasonRun
from shared.domain.tally import Measures, TallyKey
from shared.domain.windows import Window
from tests.support.goals import catalogue_of, goal
from tests.support.goals_over_goals import goal_over
from tests.support.strategies import FIRST_DAY, KILLS

ARENA = counted_stat(Source.GOAL, CountedGoals(challenge_id="arena"))
PVP_POINTS = counted_stat(Source.POINTS, CountedGoals(tag="pvp"))
LISTED = counted_stat(Source.GOAL, CountedGoals(goal_ids=("win", "all")))
OF_LOSE = counted_stat(Source.GOAL, CountedGoals(goal_ids=("lose",)))
WEDNESDAY = FIRST_DAY * DAY


def catalogue() -> Catalogue:
    """Return goals on three levels; the last one counts one of level 0 and one of level 1."""
    win = replace(goal("win"), points=5, tags=("pvp",))
    return catalogue_of(
        win,
        goal("lose"),
        goal_over("all", CountedGoals(goal_ids=("lose",)), 1),
        goal_over("points", CountedGoals(tag="pvp"), 5, source=Source.POINTS),
        goal_over("both", CountedGoals(goal_ids=("all", "win")), 2),
    )


def test_the_order_of_a_list_is_not_part_of_its_identity() -> None:
    assert counted_stat(Source.GOAL, CountedGoals(goal_ids=("all", "win"))) == LISTED
    assert counted_stat(Source.GOAL, CountedGoals(goal_ids=("all", "win "))) != LISTED


def test_only_counted_goals_add_to_tallies() -> None:
    cascades = catalogue().cascades
    assert {goal_id: set(stats) for goal_id, stats in cascades.fed_by.items()} == {
        "win": {PVP_POINTS, LISTED},
        "lose": {OF_LOSE},
        "all": {LISTED},
    }
    assert cascades.levels == {OF_LOSE: 1, PVP_POINTS: 1, LISTED: 2}
    assert [cascades.level_of(each) for each in ("win", "all", "both")] == [0, 1, 2]


def test_tallies_of_lower_goals_are_locked_before_goals_of_several_levels_are_switched() -> None:
    goals, cascades = catalogue().goals, catalogue().cascades
    assert cascades.locked_with([goals["win"], goals["lose"]]) == [KILLS]
    assert cascades.locked_with([goals["both"]]) == [LISTED]
    assert cascades.locked_with([goals["both"], goals["lose"]]) == [KILLS, OF_LOSE, LISTED]
    assert cascades.locked_with([goals["win"], goals["points"]]) == [KILLS, PVP_POINTS]


def test_a_completion_counts_for_the_periods_that_contain_its_own() -> None:
    season = Schedule(season=Season("winter", (SeasonRun(WEDNESDAY - 40 * DAY, WEDNESDAY + 40 * DAY),)))
    pause = Schedule(season=Season("summer", (SeasonRun(0, DAY),)))
    # The completed period began on Sunday, and the event came on Monday of the next week.
    feed = Feed("ann", ARENA, 0, instant=WEDNESDAY - 3 * DAY, time=WEDNESDAY - 2 * DAY)
    of_lifetime = feed._replace(instant=None, position=-1)
    folded = fold_feeds([feed, of_lifetime], {ARENA: (DAILY, WEEKLY, season, pause)}, {})
    assert folded == {
        TallyKey("ann", ARENA): [of_lifetime, feed],
        TallyKey("ann", ARENA, DAILY.text, WEDNESDAY - 3 * DAY): [feed],
        TallyKey("ann", ARENA, WEEKLY.text, WEDNESDAY - 9 * DAY): [feed],
        TallyKey("ann", ARENA, season.text, WEDNESDAY - 40 * DAY): [feed],
    }


def test_a_window_does_not_keep_completions_out() -> None:
    evening = replace(DAILY, window=Window(opens=18 * 60, closes=20 * 60))
    feed = Feed("ann", ARENA, 0, instant=WEDNESDAY, time=None)
    assert TallyKey("ann", ARENA, evening.text, WEDNESDAY) in fold_feeds([feed], {ARENA: (evening,)}, {})


def test_points_and_completions_add_up_to_the_feed_that_reaches_the_target() -> None:
    feeds = [
        Feed("ann", POINTS_OF_EVERYTHING, points, None, time, position)
        for position, (points, time) in enumerate([(5, None), (0, 3), (7, 2)])
    ]
    tally = tally_of(feeds)
    assert (tally.measures, tally.events_time, tally.sum_time) == (Measures(12, 3, None, 0), 3, 3)
    assert crossing_feed(10, 1, feeds, Source.POINTS).position == 2
    assert crossing_feed(3, 1, feeds, Source.GOAL).position == 1
    with pytest.raises(ValueError, match="nothing reaches"):
        crossing_feed(14, 1, feeds, Source.POINTS)
