"""Goals by a player's own days, as callers of both services see them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from challenge.v1 import challenge_service_pb2 as rpc

from shared.domain.instant import DAY, HOUR, Instant
from shared.domain.recurrence import Every, Recurrence
from shared.domain.schedules import Schedule
from shared.rpc.instants import instant_of
from tests.support.event_messages import stat
from tests.support.goals import catalogue_of, goal
from tests.support.services import NOW, Game, game

TODAY_UTC = NOW - NOW % DAY
"""The test's time is noon UTC, when it is 21:00 in Tokyo and 02:00 of the next day on Kiritimati."""
TOKYO, KIRITIMATI = "Asia/Tokyo", "Pacific/Kiritimati"
DAILY_BY_PLAYER = Schedule(Recurrence(Every.DAY, by_player=True), id="daily")
CATALOGUE = replace(catalogue_of(goal("daily", target=2, schedule=DAILY_BY_PLAYER)), schedules=(DAILY_BY_PLAYER,))


@pytest.fixture
def own_days(database_url: str) -> Iterator[Game]:
    """Run both services with a goal by the player's own days."""
    with game(database_url, CATALOGUE) as running:
        yield running


def initialize(running: Game, user_id: str, time_zone: str = "") -> rpc.InitializePlayerResponse:
    return running.challenges.InitializePlayer(rpc.InitializePlayerRequest(user_id=user_id, time_zone=time_zone))


def day_of(
    response: rpc.InitializePlayerResponse | rpc.ListChallengesResponse,
) -> tuple[Instant | None, Instant | None]:
    """Return the current day as the response shows it."""
    (period,) = response.periods
    return instant_of(period.start_time), instant_of(period.end_time)


@pytest.mark.parametrize(
    ("zone", "start"),
    [("", TODAY_UTC), (TOKYO, TODAY_UTC - 9 * HOUR), (KIRITIMATI, TODAY_UTC + 10 * HOUR)],
)
def test_a_new_player_has_the_days_of_the_zone_at_once(own_days: Game, zone: str, start: Instant) -> None:
    assert day_of(initialize(own_days, "player", zone)) == (start, start + DAY)
    (result,) = own_days.report(stat("kills", delta=2))
    assert [instant_of(done.period_start) for done in result.completions] == [start]
    assert not result.late
    claim = own_days.claim("daily")
    assert instant_of(claim.period_start) == start
    listed = own_days.challenges.ListChallenges(rpc.ListChallengesRequest(user_id="player"))
    assert day_of(listed) == (start, start + DAY)
    assert [goal.progress for challenge in listed.challenges for goal in challenge.goals] == [2]


def test_an_event_counts_for_the_players_own_day(own_days: Game) -> None:
    initialize(own_days, "player", KIRITIMATI)
    (yesterday,) = own_days.report(stat("kills", delta=2, at=NOW - 3 * HOUR))
    assert yesterday.late
    assert [instant_of(done.period_start) for done in yesterday.completions] == [TODAY_UTC - 14 * HOUR]
    assert own_days.goals()["daily"].progress == 0
    assert instant_of(own_days.claim("daily").period_start) == TODAY_UTC - 14 * HOUR


def test_events_counted_before_a_player_was_created_are_not_lost(own_days: Game) -> None:
    own_days.report(stat("kills", delta=2))
    shown = day_of(initialize(own_days, "player", TOKYO))
    assert shown == (TODAY_UTC, TODAY_UTC + DAY)
    assert own_days.goals()["daily"].progress == 2
    assert instant_of(own_days.claim("daily").period_start) == TODAY_UTC
    own_days.clock.now = TODAY_UTC + DAY
    assert day_of(initialize(own_days, "player", TOKYO)) == (TODAY_UTC + DAY, TODAY_UTC + DAY + 15 * HOUR)


def test_another_zone_moves_no_current_day_and_is_refused_within_a_week(own_days: Game) -> None:
    initialize(own_days, "player")
    shown = day_of(initialize(own_days, "player", TOKYO))
    assert shown == (TODAY_UTC, TODAY_UTC + DAY)
    own_days.report(stat("kills", delta=1))
    assert own_days.goals()["daily"].progress == 1
    refused = initialize(own_days, "player", KIRITIMATI)
    assert refused.HasField("time_zone_refused")
    assert instant_of(refused.time_zone_refused.next_change_time) == NOW + 7 * DAY
    assert day_of(refused) == shown
    # The next day still begins with the UTC day, and ends with a day of Tokyo, at least half a day later.
    own_days.clock.now = TODAY_UTC + DAY
    assert day_of(initialize(own_days, "player")) == (TODAY_UTC + DAY, TODAY_UTC + DAY + 15 * HOUR)
    own_days.clock.now = TODAY_UTC + DAY + 15 * HOUR
    assert day_of(initialize(own_days, "player")) == (TODAY_UTC + DAY + 15 * HOUR, TODAY_UTC + 2 * DAY + 15 * HOUR)


def test_the_rotation_is_that_of_the_players_own_days(own_days: Game) -> None:
    initialize(own_days, "player", KIRITIMATI)
    (rotation,) = own_days.challenges.GetRotation(rpc.GetRotationRequest(user_id="player")).schedules
    assert instant_of(rotation.current.start_time) == TODAY_UTC + 10 * HOUR
    assert instant_of(rotation.next.start_time) == TODAY_UTC + 34 * HOUR
    (rotation,) = own_days.challenges.GetRotation(rpc.GetRotationRequest(user_id="other")).schedules
    assert instant_of(rotation.current.start_time) == TODAY_UTC
