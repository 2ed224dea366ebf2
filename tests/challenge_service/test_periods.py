"""Goals with a schedule as callers of both services see them: nothing has to run at a boundary."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from challenge.v1 import challenge_pb2
from challenge.v1.challenge_service_pb2 import (
    GetChallengeRequest,
    InitializePlayerRequest,
    ListChallengesRequest,
    ListChallengesResponse,
    SetGoalActiveRequest,
)

from shared.domain.instant import DAY, HOUR, Instant
from tests.catalogue.documents import Mapping, loaded
from tests.support.event_messages import stat, timestamp
from tests.support.sample_catalogue import assigned, challenge
from tests.support.services import NOW, Game, game

TODAY: Instant = NOW - NOW % DAY
MONDAY = TODAY - 3 * DAY
STARTS, ENDS = TODAY + DAY, TODAY + 3 * DAY
GRACE = 7 * DAY

DOCUMENT: Mapping = {
    "schedules": [
        {"id": "daily", "every": "day"},
        {"id": "weekly", "every": "week", "claim_grace": {"days": 10}},
        {"id": "winter day", "every": "day", "season": "winter"},
    ],
    "seasons": [{"id": "winter", "starts": "2024-03-01T00:00:00Z", "ends": "2024-03-03T00:00:00Z"}],
    "challenges": [
        challenge("always", assigned("ever"), assigned("day", schedule="daily"), assigned("week", schedule="weekly")),
        {**challenge("frost", assigned("ice"), assigned("snow", target=1)), "schedule": "winter day"},
        challenge("off", assigned("stopped", suspended=True)),
    ],
}


@pytest.fixture
def timed_game(database_url: str) -> Iterator[Game]:
    """Yield a game with daily, weekly and seasonal goals."""
    with game(database_url, loaded(DOCUMENT)) as running:
        yield running


def listed(game: Game, now: Instant, **request: object) -> ListChallengesResponse:
    """Return a list at an instant."""
    game.clock.now = now
    return game.challenges.ListChallenges(ListChallengesRequest(user_id="player", **request))  # type: ignore[arg-type]


def progress(response: ListChallengesResponse) -> dict[str, int]:
    """Return the progress of each goal in a list."""
    return {goal.goal_id: goal.progress for challenge in response.challenges for goal in challenge.goals}


def period(schedule_id: str, start: Instant, end: Instant, grace: Instant = GRACE) -> challenge_pb2.Period:
    """Return a period as a message."""
    times = {"start_time": timestamp(start), "end_time": timestamp(end), "claim_end_time": timestamp(end + grace)}
    return challenge_pb2.Period(schedule_id=schedule_id, season_id="winter" if "winter" in schedule_id else "", **times)


def test_responses_carry_the_current_periods_and_goals_name_theirs(timed_game: Game) -> None:
    current = [period("daily", TODAY, TODAY + DAY), period("weekly", MONDAY, MONDAY + 7 * DAY, 10 * DAY)]
    response = listed(timed_game, NOW)
    assert list(response.periods) == current
    goals = timed_game.goals()
    assert {goal_id: goal.schedule_id for goal_id, goal in goals.items()} == {
        "ever": "",
        "day": "daily",
        "week": "weekly",
        "stopped": "",
    }
    assert [goal_id for goal_id, goal in goals.items() if goal.suspended] == ["stopped"]
    light = listed(timed_game, NOW, catalogue_version=response.catalogue_version)
    assert list(light.periods) == current
    of_player = {"user_id": "player", "challenge_id": "always"}
    assert list(timed_game.challenges.GetChallenge(GetChallengeRequest(**of_player)).periods) == current
    switched = timed_game.challenges.SetGoalActive(SetGoalActiveRequest(**of_player, goal_id="day", active=True))
    assert list(switched.periods) == current
    initialized = timed_game.challenges.InitializePlayer(InitializePlayerRequest(user_id="player"))
    assert list(initialized.periods) == current
    assert initialized.new_assignments == len(initialized.goals) == 4


def test_progress_starts_over_at_the_boundary(timed_game: Game) -> None:
    midnight = TODAY + DAY
    listed(timed_game, NOW)
    timed_game.report(stat("wins", delta=2, at=NOW))
    before = progress(listed(timed_game, midnight - 1))
    assert (before["ever"], before["day"], before["week"]) == (2, 2, 2)
    response = listed(timed_game, midnight)
    after = progress(response)
    assert (after["ever"], after["day"], after["week"]) == (2, 0, 2)
    assert response.periods[0] == period("daily", midnight, midnight + DAY)


def test_a_late_event_completes_the_past_period_and_says_so(timed_game: Game) -> None:
    timed_game.clock.now = TODAY + DAY + HOUR
    [late, on_time] = timed_game.report(stat("wins", delta=3, at=NOW), stat("wins", delta=2, at=TODAY + DAY))
    assert (late.late, on_time.late) == (True, False)
    assert {each.goal_id: each.period_start for each in late.completions} == {
        "ever": type(timestamp(0))(),
        "day": timestamp(TODAY),
        "week": timestamp(MONDAY),
    }
    assert {each.goal_id for each in late.completions if each.HasField("period_start")} == {"day", "week"}
    [again] = timed_game.report(stat("wins", delta=3, at=NOW, event_id=late.event_id))
    assert not again.late
    assert timed_game.goal("day").progress == 2
    timed_game.clock.now = NOW
    assert timed_game.goal("day").state == challenge_pb2.GOAL_STATE_COMPLETED


def test_a_suspended_goal_is_not_completed_and_its_progress_is_shown(timed_game: Game) -> None:
    [result] = timed_game.report(stat("wins", delta=9, at=NOW))
    assert "stopped" not in {each.goal_id for each in result.completions}
    stopped = timed_game.goal("stopped")
    assert (stopped.state, stopped.progress, stopped.active) == (challenge_pb2.GOAL_STATE_IN_PROGRESS, 3, True)


def test_seasonal_goals_are_hidden_before_and_shown_until_their_claims_end(timed_game: Game) -> None:
    assert not {"ice", "snow"} & progress(listed(timed_game, STARTS - 1)).keys()
    upcoming = listed(timed_game, STARTS - 1, upcoming=True)
    assert progress(upcoming)["ice"] == 0
    assert {goal.season_id for each in upcoming.challenges for goal in each.goals} == {"", "winter"}
    assert not timed_game.challenges.GetChallenge(
        GetChallengeRequest(user_id="player", challenge_id="frost")
    ).challenge.goals

    response = listed(timed_game, STARTS)
    assert progress(response)["ice"] == 0
    assert period("winter day", STARTS, STARTS + DAY) in response.periods
    timed_game.report(stat("wins", delta=1, at=STARTS - 1), stat("wins", delta=1, at=STARTS))
    assert progress(listed(timed_game, STARTS + HOUR))["ice"] == 1
    assert timed_game.goal("snow").state == challenge_pb2.GOAL_STATE_COMPLETED

    assert progress(listed(timed_game, ENDS - 1))["ice"] == 0
    timed_game.report(stat("wins", delta=2, at=ENDS - 1), stat("wins", delta=2, at=ENDS))
    for now in (ENDS, ENDS + GRACE - 1):
        response = listed(timed_game, now)
        assert progress(response)["ice"] == 2
        assert period("winter day", ENDS - DAY, ENDS) in response.periods
        assert timed_game.goal("snow").state == challenge_pb2.GOAL_STATE_COMPLETED
    gone = listed(timed_game, ENDS + GRACE, upcoming=True)
    assert not {"ice", "snow"} & progress(gone).keys()
    assert [each.schedule_id for each in gone.periods] == ["daily", "weekly"]
