"""Pools as callers of both services see them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import grpc
import pytest
from challenge.v1.challenge_service_pb2 import (
    ClaimAllRequest,
    ClaimRewardRequest,
    GetChallengeRequest,
    InitializePlayerRequest,
    ListChallengesRequest,
    ListClaimableRequest,
    SetGoalActiveRequest,
)
from challenge.v1.challenge_service_pb2_grpc import ChallengeServiceStub
from challenge.v1.statistics_service_pb2 import GetPlayerStatsRequest
from challenge.v1.statistics_service_pb2_grpc import StatisticsServiceStub

from shared.domain.instant import DAY, HOUR, Instant
from tests.support.event_messages import stat, timestamp
from tests.support.pool_catalogue import MEMBERS, POOL, SELECT, member, picks, pool_catalogue
from tests.support.proxy import proxy_to
from tests.support.refusals import refusal
from tests.support.round_trips import RoundTrips
from tests.support.services import NOW, Game, ManualClock, challenge_channel, game

TODAY: Instant = NOW - NOW % DAY


@pytest.fixture
def pool_game(database_url: str) -> Iterator[Game]:
    """Yield a game with a pool whose goals do not return on the next day."""
    with game(database_url, pool_catalogue(no_repeat=1)) as running:
        yield running


def test_a_player_has_the_same_few_goals_in_every_response(pool_game: Game) -> None:
    selected = picks(pool_game)
    assert len(selected) == SELECT
    assert all(pool_game.goal(goal_id).active for goal_id in selected)
    initialized = pool_game.challenges.InitializePlayer(InitializePlayerRequest(user_id="player"))
    assert [goal.goal_id for goal in initialized.goals] == [*selected, "veteran"]
    again = pool_game.challenges.InitializePlayer(InitializePlayerRequest(user_id="player"))
    assert list(again.goals) == list(initialized.goals)
    active = pool_game.challenges.ListChallenges(ListChallengesRequest(user_id="player", active_only=True))
    assert [goal.goal_id for goal in active.challenges[0].goals] == selected
    one = pool_game.challenges.GetChallenge(GetChallengeRequest(user_id="player", challenge_id=POOL)).challenge
    assert [goal.goal_id for goal in one.goals] == selected
    assert one.select_count == SELECT
    light = pool_game.challenges.ListChallenges(
        ListChallengesRequest(user_id="player", catalogue_version=active.catalogue_version)
    )
    assert [goal.goal_id for goal in light.challenges[0].goals] == selected


def test_a_selection_stores_nothing(pool_game: Game) -> None:
    for _ in range(3):
        picks(pool_game)
        pool_game.clock.now += DAY
    stored = "SELECT (SELECT count(*) FROM selection), (SELECT count(*) FROM assignment), (SELECT count(*) FROM player)"
    assert pool_game.rows(stored) == [(0, 0, 0)]


def test_goals_do_not_return_on_the_next_day_and_players_have_different_ones(pool_game: Game) -> None:
    # About four of eight goals have their turn on a day; fewer than two are filled up, and those may return.
    days = []
    for day in range(2):
        pool_game.clock.now = NOW + day * DAY
        days.append([frozenset(picks(pool_game, f"player-{number}")) for number in range(40)])
    returning = sum(len(before & after) for before, after in zip(*days, strict=True))
    assert len(set(days[0])) > 5
    assert returning < 40


def test_only_events_of_goals_that_the_player_has_complete_something(pool_game: Game) -> None:
    selected = picks(pool_game)
    results = pool_game.report(*(stat(goal_id, delta=3) for goal_id in MEMBERS))
    completed = [completion.goal_id for result in results for completion in result.completions]
    assert completed == selected
    assert picks(pool_game) == selected
    assert {pool_game.goal(goal_id).progress for goal_id in selected} == {3}


def test_a_late_event_counts_for_the_selection_of_its_own_day(pool_game: Game) -> None:
    pool_game.clock.now = NOW - DAY
    before = picks(pool_game)
    pool_game.clock.now = NOW
    results = pool_game.report(*(stat(goal_id, delta=3, at=NOW - DAY) for goal_id in MEMBERS))
    completions = [completion for result in results for completion in result.completions]
    assert [completion.goal_id for completion in completions] == before
    assert {completion.period_start.ToMicroseconds() for completion in completions} == {TODAY - DAY}


def test_completed_goals_stay_claimable_whatever_the_pool_gives_later(pool_game: Game) -> None:
    first, second = picks(pool_game)
    pool_game.report(stat(first, delta=3), stat(second, delta=3))
    pool_game.clock.now = NOW + DAY
    request = ListClaimableRequest(user_id="player")
    claimable = pool_game.challenges.ListClaimable(request)
    assert {reward.goal_id for reward in claimable.rewards} == {first, second}
    claimed = pool_game.challenges.ClaimReward(
        ClaimRewardRequest(
            user_id="player", challenge_id=POOL, goal_id=first, period_start=timestamp(TODAY), request_id="one"
        )
    )
    assert claimed.claim.period_start.ToMicroseconds() == TODAY
    rest = pool_game.challenges.ClaimAll(ClaimAllRequest(user_id="player"))
    assert {result.goal_id for result in rest.results if result.newly_claimed} == {second}
    assert not pool_game.challenges.ListClaimable(request).rewards


def test_goals_that_the_player_does_not_have_cannot_be_claimed_or_activated(pool_game: Game) -> None:
    selected = picks(pool_game)
    other = next(goal_id for goal_id in MEMBERS if goal_id not in selected)
    pool_game.report(stat(other, delta=3))
    claim = ClaimRewardRequest(user_id="player", challenge_id=POOL, goal_id=other)
    assert refusal(lambda: pool_game.challenges.ClaimReward(claim)).reason == "GOAL_INACTIVE"
    for goal_id, active in ((other, True), (selected[0], False), (selected[0], True)):
        switch = SetGoalActiveRequest(user_id="player", challenge_id=POOL, goal_id=goal_id, active=active)
        refused = refusal(lambda switch=switch: pool_game.challenges.SetGoalActive(switch))  # type: ignore[misc]
        assert (refused.code, refused.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "SELECTED_BY_POOL")
    assert picks(pool_game) == selected


def test_goals_under_way_are_those_that_the_player_has(pool_game: Game) -> None:
    pool_game.report(*(stat(goal_id, delta=1) for goal_id in MEMBERS))
    stats = pool_game.statistics.GetPlayerStats(GetPlayerStatsRequest(user_id="player"))
    assert stats.stats.goals_under_way == SELECT


def test_days_of_players_own_zones_have_selections_of_their_own(database_url: str) -> None:
    with game(database_url, pool_catalogue(zone="player", no_repeat=1)) as running:
        initialize = InitializePlayerRequest(user_id="player", time_zone="Asia/Tokyo")
        running.challenges.InitializePlayer(initialize)
        running.clock.now = TODAY + 14 * HOUR
        before = picks(running)
        results = running.report(*(stat(goal_id, delta=3, at=running.clock.now) for goal_id in MEMBERS))
        assert [completion.goal_id for result in results for completion in result.completions] == before
        running.clock.now = TODAY + 15 * HOUR
        after = picks(running)
        assert len(after) == SELECT
        results = running.report(*(stat(goal_id, delta=3, at=running.clock.now) for goal_id in MEMBERS))
        assert [completion.goal_id for result in results for completion in result.completions] == after


def test_a_suspended_goal_is_not_drawn(database_url: str) -> None:
    catalogue = pool_catalogue(member("pick-0", suspended=True), member("pick-1"), member("pick-2"))
    with game(database_url, catalogue) as running:
        assert picks(running) == ["pick-1", "pick-2"]


def test_a_goal_joins_with_the_first_day_after_its_time(database_url: str) -> None:
    catalogue = pool_catalogue(member("pick-0"), member("pick-1", **{"from": "2024-03-01"}))
    with game(database_url, catalogue) as running:
        assert picks(running) == ["pick-0"]
        running.clock.now = TODAY + DAY
        assert picks(running) == ["pick-0", "pick-1"]


@pytest.mark.parametrize(
    "ask",
    [
        lambda channel: ChallengeServiceStub(channel).ListChallenges(ListChallengesRequest(user_id="player")),
        lambda channel: StatisticsServiceStub(channel).GetPlayerStats(GetPlayerStatsRequest(user_id="player")),
    ],
    ids=["list", "statistics"],
)
def test_a_read_with_pools_is_one_round_trip(database_url: str, ask: Callable[[grpc.Channel], object]) -> None:
    catalogue = pool_catalogue(rerolls=1)
    with (
        proxy_to(database_url) as (proxy, url),
        challenge_channel(url, catalogue, clock=ManualClock(), pool_size=1) as channel,
    ):
        ask(channel)  # The first call on a connection prepares the statement.
        round_trips = RoundTrips()
        proxy.drop_reply(after=round_trips)
        for calls in range(1, 4):
            ask(channel)
            assert round_trips.count == calls
