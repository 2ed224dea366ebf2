"""Current streaks and lowest values in messages of goals."""

from __future__ import annotations

from dataclasses import replace

import pytest
from challenge.v1 import challenge_pb2, challenge_service_pb2

from shared.domain.goal import TURNING_POINT, Aspect, Counting, DerivedStat
from shared.domain.instant import DAY
from shared.domain.player_view import Assignment, Completion, PlayerView, StreakKey, TallyView
from shared.domain.schedules import LIFETIME
from shared.domain.streaks import Streak, StreakRule
from shared.domain.tally import Measures
from shared.rpc.encoded_catalogue import EncodedCatalogue
from tests.support.goals import catalogue_of, goal
from tests.support.strategies import KILLS

LEAST = DerivedStat("kills", KILLS, (), Aspect.LOWEST)
STREAK = replace(goal("streak", counting=Counting.STREAK, target=3), streak=StreakRule(2))
FAST = replace(goal("fast", stat=LEAST.stat, counting=Counting.LOWEST, target=1), derived=LEAST, at_most=60)
CATALOGUE = replace(catalogue_of(STREAK, FAST, goal("win")), derived_stats=(LEAST,))
COMPLETED = {"streak": Completion(DAY), "fast": Completion(DAY, DAY)}
INACTIVE = {"streak": Assignment(False, None, 1), "fast": Assignment(False, None)}


def played(lowest: int, current: int) -> PlayerView:
    tallies = {
        KILLS: TallyView(Measures(events=2, day_count=2)),
        LEAST.stat: TallyView(Measures(highest=TURNING_POINT - lowest)),
    }
    return PlayerView(tallies, {}, {}, streaks={StreakKey(KILLS, LIFETIME.text, StreakRule(2)): Streak(2, current)})


def shown(view: PlayerView, *, light: bool = False) -> dict[str, challenge_pb2.Goal]:
    encoded = EncodedCatalogue(CATALOGUE).without(frozenset())
    [(_, message)] = encoded.challenges(CATALOGUE.challenges, view, active_only=False, light=light)
    challenge = challenge_pb2.Challenge.FromString(b"".join(message.pieces))
    return {each.goal_id: each for each in challenge.goals}


@pytest.mark.parametrize("light", [False, True], ids=["full", "light"])
@pytest.mark.parametrize("completions", [{}, COMPLETED], ids=["in progress", "completed"])
@pytest.mark.parametrize(("lowest", "current"), [(61, 2), (0, 0), (-3, 1)])
def test_active_goals_show_the_current_streak_and_the_lowest_value(
    completions: dict[str, Completion], lowest: int, current: int, light: bool
) -> None:
    goals = shown(played(lowest, current)._replace(completions=completions), light=light)
    assert (goals["streak"].current_streak, goals["fast"].best_value) == (current, lowest)
    assert goals["fast"].HasField("best_value")
    assert not goals["streak"].HasField("best_value")
    assert (goals["win"].current_streak, goals["win"].HasField("best_value")) == (0, False)


def test_without_events_and_while_inactive_goals_show_neither() -> None:
    for view in (PlayerView({}, {}, {}), played(5, 2)._replace(assignments=INACTIVE)):
        goals = shown(view)
        assert (goals["streak"].current_streak, goals["fast"].HasField("best_value")) == (0, False)


def test_the_requirement_names_the_bridge() -> None:
    response = EncodedCatalogue(CATALOGUE).set_goal(STREAK, played(0, 1))
    found = challenge_service_pb2.SetGoalActiveResponse.FromString(response).goal
    assert (found.requirement.counting, found.requirement.bridge_days) == (challenge_pb2.COUNTING_STREAK, 2)
    assert found.current_streak == 1
