"""Statistics through the API, from the first event to the last claim."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from challenge.v1 import challenge_pb2
from challenge.v1 import statistics_service_pb2 as rpc

from shared.domain.acceptance import AcceptanceWindow
from shared.domain.catalogue import Catalogue
from shared.domain.instant import DAY, HOUR, Instant, day_of
from tests.support.counting import count_challenges
from tests.support.databases import opened
from tests.support.event_messages import login, stat, timestamp
from tests.support.sample_catalogue import sample_catalogue
from tests.support.services import NOW, Game, game
from tests.support.strategies import with_goal

TODAY = day_of(NOW) * DAY


def worth() -> Catalogue:
    """Return the small catalogue with points and tags."""
    catalogue = sample_catalogue()
    for goal_id, points, tags in (("warm-up", 10, ("pvp",)), ("welcome", 1, ("daily", "pvp")), ("regular", 5, ())):
        catalogue = with_goal(catalogue, replace(catalogue.goals[goal_id], points=points, tags=tags))
    return catalogue


@pytest.fixture
def running(database_url: str) -> Iterator[Game]:
    """Yield a game that accepts old events."""
    with game(database_url, worth(), window=AcceptanceWindow(horizon=40 * DAY)) as running:
        yield running


def stats(running: Game, user_id: str = "player") -> rpc.PlayerStats:
    return running.statistics.GetPlayerStats(rpc.GetPlayerStatsRequest(user_id=user_id)).stats


def trend(running: Game, **period: Instant) -> list[rpc.TrendDay]:
    bounds = {name: timestamp(instant) for name, instant in period.items()}
    return list(running.statistics.GetPlayerTrend(rpc.GetPlayerTrendRequest(user_id="player", **bounds)).days)


def test_a_new_player_has_empty_statistics(running: Game) -> None:
    assert stats(running, "nobody") == rpc.PlayerStats(total=rpc.Achievement())


def test_completions_and_claims_count_in_total_by_challenge_and_by_tag(running: Game) -> None:
    running.report(stat("wins", delta=3), login())
    running.claim("welcome")
    found = stats(running)
    assert (found.total.completed, found.total.claimed, found.total.points) == (2, 1, 11)
    challenges = {each.challenge_id: each.achievement for each in found.challenges}
    assert {name: (each.completed, each.claimed, each.points) for name, each in challenges.items()} == {
        "arena": (1, 0, 10),
        "career": (1, 1, 1),
    }
    tags = {each.tag: (each.achievement.completed, each.achievement.points) for each in found.tags}
    assert tags == {"daily": (1, 1), "pvp": (2, 11)}
    assert list(tags) == sorted(tags)


def test_tallies_cover_the_lifetime(running: Game) -> None:
    running.report(stat("wins", delta=3), stat("wins", delta=4, at=NOW - 30 * DAY), stat("level", value=-2), login())
    expected = [
        rpc.LifetimeTally(source=challenge_pb2.SOURCE_LOGIN, events=1, days=1),
        rpc.LifetimeTally(source=challenge_pb2.SOURCE_STAT, stat_code="level", events=1, latest=-2, highest=-2),
        rpc.LifetimeTally(source=challenge_pb2.SOURCE_STAT, stat_code="wins", events=2, sum=7),
    ]
    assert list(stats(running).tallies) == expected


def test_login_streaks_do_not_depend_on_the_order_of_events(running: Game) -> None:
    for days_ago in (1, 9, 2, 8, 7, 6):
        running.report(login(at=NOW - days_ago * DAY))
    found = stats(running)
    assert (found.current_login_streak, found.longest_login_streak, found.weekly_active_days) == (2, 4, 3)
    running.report(login())
    assert stats(running).current_login_streak == 3
    running.clock.now = NOW + 2 * DAY
    found = stats(running)
    assert (found.current_login_streak, found.longest_login_streak, found.weekly_active_days) == (0, 4, 3)


def test_the_completion_rate_counts_thirty_days_and_goals_under_way(running: Game) -> None:
    assert not stats(running).HasField("completion_rate")
    running.report(stat("wins", delta=3, at=NOW - 30 * DAY), stat("level", value=3))
    found = stats(running)
    # "warm-up" was completed too long ago, "champion" is not active, and "veteran" has progress.
    assert (found.completed_recently, found.goals_under_way, found.completion_rate) == (0, 1, 0.0)
    running.set_active("champion", True)
    running.report(login(at=NOW - 29 * DAY))
    found = stats(running)
    # "welcome" was completed in time, and "regular" has progress.
    assert (found.completed_recently, found.goals_under_way, found.completion_rate) == (1, 3, 0.25)


def test_the_fastest_completion_is_measured_from_the_activation(running: Game) -> None:
    running.set_active("chests", True)
    assert not stats(running).total.HasField("fastest_completion")
    running.report(stat("chests", delta=1, at=NOW + HOUR // 20), stat("chests", delta=1, at=NOW + HOUR // 15))
    found = stats(running)
    assert found.total.fastest_completion.ToMicroseconds() == HOUR // 15
    assert found.challenges[0].achievement.fastest_completion.ToMicroseconds() == HOUR // 15


def test_a_response_has_the_instant_of_the_statistics(running: Game) -> None:
    assert running.statistics.GetPlayerStats(rpc.GetPlayerStatsRequest(user_id="a")).fresh_at == timestamp(NOW)


def test_a_trend_has_every_day_of_the_last_thirty(running: Game) -> None:
    running.report(login(), stat("wins", delta=3, at=NOW - 29 * DAY), login("other"))
    running.report(login(at=NOW - 30 * DAY))
    running.claim("welcome")
    shown = trend(running)
    assert [each.start_time for each in shown] == [timestamp(TODAY - ago * DAY) for ago in range(29, -1, -1)]
    reached = {
        ago: (each.completed, each.claimed, each.points)
        for ago, each in zip(range(29, -1, -1), shown, strict=True)
        if each.completed or each.claimed
    }
    # The second day of logins completes "regular" with the event that came last, whose day is before all others.
    assert reached == {29: (1, 0, 10), 0: (1, 1, 1)}
    assert trend(running, from_time=NOW - 30 * DAY)[0].points == 5


def test_a_trend_has_the_requested_days(running: Game) -> None:
    running.report(stat("wins", delta=3, at=TODAY - 1), stat("wins", "other", delta=3))
    assert [each.points for each in trend(running, from_time=TODAY - 1, to_time=TODAY)] == [10, 0]
    assert [each.points for each in trend(running, from_time=TODAY - DAY, to_time=TODAY - DAY)] == [10]
    assert len(trend(running, from_time=NOW - 364 * DAY)) == 365
    assert len(trend(running, to_time=0)) == 30


def test_a_report_has_the_last_counted_numbers(running: Game) -> None:
    request = rpc.GetChallengeReportRequest()
    assert list(running.statistics.GetChallengeReport(request).reports) == [
        rpc.ChallengeReport(challenge_id=challenge_id) for challenge_id in ("arena", "career", "island")
    ]
    running.report(stat("wins", delta=3), login(), login("other"), stat("wins", "other", delta=1))
    running.claim("warm-up")
    with opened(running.database_url) as database:
        assert count_challenges(database, worth(), NOW)
    assert list(running.statistics.GetChallengeReport(request).reports) == [
        rpc.ChallengeReport(challenge_id="arena", started=2, completed=1, claimed=1, report_time=timestamp(NOW)),
        rpc.ChallengeReport(challenge_id="career", started=2, completed=2, report_time=timestamp(NOW)),
        rpc.ChallengeReport(challenge_id="island", report_time=timestamp(NOW)),
    ]
    [career] = running.statistics.GetChallengeReport(rpc.GetChallengeReportRequest(challenge_id="career")).reports
    assert career.challenge_id == "career"
