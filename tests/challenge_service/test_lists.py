"""Lists of challenges and goals."""

from __future__ import annotations

from pathlib import Path

import pytest
from challenge.v1 import challenge_pb2
from challenge.v1.challenge_service_pb2 import GetChallengeRequest, ListChallengesRequest, ListChallengesResponse

from shared.catalogue.loader import load
from shared.domain.instant import DAY, SECOND
from tests.catalogue.documents import goal, loaded
from tests.support.event_messages import login, stat, timestamp
from tests.support.refusals import refusal
from tests.support.sample_catalogue import ALL_GOALS, DEFAULT_GOALS, DOCUMENT, assigned, challenge, sample_catalogue
from tests.support.services import NOW, Game, game

LOAD = Path(__file__).parents[2] / "catalogues" / "load.yaml"


def listed(game: Game, **request: object) -> ListChallengesResponse:
    return game.challenges.ListChallenges(ListChallengesRequest(user_id="player", **request))  # type: ignore[arg-type]


def goal_ids(response: ListChallengesResponse) -> list[str]:
    return [goal.goal_id for challenge in response.challenges for goal in challenge.goals]


def test_a_new_player_sees_all_challenges(sample_game: Game) -> None:
    response = listed(sample_game)
    assert [challenge.challenge_id for challenge in response.challenges] == ["arena", "career", "island"]
    assert goal_ids(response) == ALL_GOALS
    assert response.catalogue_version == sample_catalogue().version
    assert not response.next_page_token
    for shown in sample_game.goals().values():
        assert shown.active == (shown.goal_id in DEFAULT_GOALS)
        assert shown.locked == (shown.goal_id in ("champion", "regular"))
        assert shown.state == challenge_pb2.GOAL_STATE_NOT_STARTED
        assert shown.progress == 0
        assert not shown.HasField("assign_time")
        assert not shown.HasField("complete_time")
        assert not shown.HasField("claim_time")
        assert shown.occurrence == 1


def test_goals_have_their_definition_from_the_catalogue(sample_game: Game) -> None:
    shown = sample_game.goals()
    for challenge_written in DOCUMENT["challenges"]:
        for each in challenge_written["goals"]:
            seen = shown[each["id"]]
            assert (seen.challenge_id, seen.name) == (challenge_written["id"], each["name"])
            assert seen.requirement == challenge_pb2.Requirement(
                source=challenge_pb2.Source.Value(f"SOURCE_{each['source'].upper()}"),
                stat_code=each.get("stat", ""),
                counting=challenge_pb2.Counting.Value(f"COUNTING_{each['count'].upper()}"),
                target=each["target"],
            )
            assert seen.reward == challenge_pb2.Reward(
                type=challenge_pb2.RewardType.Value(f"REWARD_TYPE_{each['reward']['type']}"),
                reward_id=each["reward"]["id"],
                quantity=each["reward"]["quantity"],
            )
            assert seen.prerequisite_goal_ids == each.get("requires", [])
            assert seen.target == each["target"]


def test_a_list_of_ten_times_fifty_goals_is_complete(database_url: str) -> None:
    catalogue = load(LOAD)
    with game(database_url, catalogue) as running:
        running.report(stat("enemy_kills", value=55), login())
        shown = running.goals()
    assert list(shown) == list(catalogue.goals)
    active = [goal for goal in shown.values() if goal.active]
    assert len(active) == 10
    for each in active:
        moved = {"enemy_kills": 55}.get(each.requirement.stat_code, 1 if not each.requirement.stat_code else 0)
        assert each.progress == min(each.target, moved)
    assert not any(goal.progress for goal in shown.values() if not goal.active)


def test_progress_is_shown_for_every_counting(sample_game: Game) -> None:
    sample_game.report(
        stat("wins", delta=2),
        stat("score", value=700),
        stat("score", value=300),
        stat("level", value=4),
        stat("level", value=2, at=NOW + SECOND),
        login(at=NOW - DAY),
        login(),
    )
    shown = sample_game.goals()
    assert {goal_id: goal.progress for goal_id, goal in shown.items()} == {
        "warm-up": 2,
        "high-score": 700,
        "champion": 0,
        "veteran": 2,
        "welcome": 1,
        "regular": 2,
        "chests": 0,
    }
    assert shown["warm-up"].state == challenge_pb2.GOAL_STATE_IN_PROGRESS
    assert shown["welcome"].state == challenge_pb2.GOAL_STATE_COMPLETED
    assert shown["welcome"].complete_time == timestamp(NOW - DAY)
    assert shown["regular"].complete_time == timestamp(NOW)


def test_progress_stops_at_the_target(sample_game: Game) -> None:
    sample_game.report(stat("wins", delta=2), stat("score", value=-5))
    assert sample_game.goal("high-score").progress == 0
    sample_game.report(stat("wins", delta=7))
    assert sample_game.goal("warm-up").progress == 3


def test_players_see_only_their_own_progress(sample_game: Game) -> None:
    sample_game.report(stat("wins", "one", delta=1), stat("wins", "other", delta=2))
    assert [sample_game.goal("warm-up", who).progress for who in ("one", "other", "third")] == [1, 2, 0]


def test_active_only_omits_inactive_goals_and_empty_challenges(sample_game: Game) -> None:
    response = listed(sample_game, active_only=True)
    assert [challenge.challenge_id for challenge in response.challenges] == ["arena", "career"]
    assert goal_ids(response) == DEFAULT_GOALS

    sample_game.set_active("chests", True)
    for goal_id in ("veteran", "welcome", "regular"):
        sample_game.set_active(goal_id, False)
    response = listed(sample_game, active_only=True)
    assert [challenge.challenge_id for challenge in response.challenges] == ["arena", "island"]
    assert goal_ids(response) == ["warm-up", "high-score", "chests"]
    assert goal_ids(listed(sample_game)) == ALL_GOALS


def test_a_goal_is_locked_while_a_prerequisite_is_not_completed(sample_game: Game) -> None:
    assert sample_game.goal("champion").locked
    sample_game.report(stat("wins", delta=3))
    assert sample_game.goal("champion").locked, "one of two prerequisites is completed"
    sample_game.report(stat("level", value=5))
    assert not sample_game.goal("champion").locked
    sample_game.report(stat("level", value=1, at=NOW + SECOND))
    assert not sample_game.goal("champion").locked, "what was completed stays so, although the level fell"
    sample_game.set_active("veteran", False)
    assert not sample_game.goal("champion").locked, "and although the goal is not active any more"


def test_progress_of_a_locked_goal_accrues(sample_game: Game) -> None:
    sample_game.report(login(at=NOW - DAY))
    sample_game.set_active("champion", True)
    sample_game.report(stat("wins", delta=10))
    champion = sample_game.goal("champion")
    assert champion.locked
    assert champion.state == challenge_pb2.GOAL_STATE_COMPLETED


def test_a_default_goal_added_later_reaches_existing_players(database_url: str) -> None:
    one = assigned("wins-3", stat="wins", target=3)
    with game(database_url, loaded({"challenges": [challenge("arena", one)]})) as before:
        before.report(stat("wins", delta=2))
        initial = before.goals()
    two = assigned("wins-2", stat="wins", target=2)
    locked = goal("locked", stat="wins", target=9, requires=["wins-2"])
    later = loaded({"challenges": [challenge("arena", one, two, locked)]})
    with game(database_url, later) as after:
        shown = after.goals()
    assert shown["wins-3"] == initial["wins-3"]
    assert shown["wins-2"].active
    assert shown["wins-2"].state == challenge_pb2.GOAL_STATE_COMPLETED
    assert not shown["wins-2"].HasField("complete_time")
    assert not shown["locked"].locked


def test_one_challenge_equals_the_one_in_the_list(sample_game: Game) -> None:
    sample_game.report(stat("wins", delta=2), login())
    for shown in listed(sample_game).challenges:
        request = GetChallengeRequest(user_id="player", challenge_id=shown.challenge_id)
        assert sample_game.challenges.GetChallenge(request).challenge == shown


def test_an_unknown_challenge_is_not_found(sample_game: Game) -> None:
    request = GetChallengeRequest(user_id="player", challenge_id="Arena")
    refused = refusal(lambda: sample_game.challenges.GetChallenge(request))
    assert refused.reason == "CHALLENGE_NOT_FOUND"
    assert refused.metadata == {"challenge_id": "Arena"}


@pytest.mark.parametrize(
    ("asked", "listed_ids"),
    [
        (["island", "arena"], ["arena", "island"]),
        (["career", "career"], ["career"]),
        (["nowhere", "career"], ["career"]),
        (["nowhere"], []),
    ],
)
def test_a_list_can_be_limited_to_some_challenges(sample_game: Game, asked: list[str], listed_ids: list[str]) -> None:
    response = listed(sample_game, challenge_ids=asked)
    assert [challenge.challenge_id for challenge in response.challenges] == listed_ids
