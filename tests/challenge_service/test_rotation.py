"""Rotations: what a countdown to the next period needs."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import pytest
from challenge.v1 import challenge_pb2
from challenge.v1.challenge_service_pb2 import GetRotationRequest, GetRotationResponse, Rotation

from shared.domain.instant import DAY, HOUR, Instant, to_instant
from tests.catalogue.documents import Mapping, document, goal, loaded
from tests.support.event_messages import timestamp
from tests.support.services import Game, game

THURSDAY = to_instant(datetime.fromisoformat("2024-02-29T00:00:00Z"))
GRACE = 7 * DAY
DOCUMENT: Mapping = document(
    goal(),
    schedules=[
        {"id": "daily", "every": "day", "at": "05:00", "zone": "Europe/Paris"},
        {"id": "weekend", "every": "week", "window": {"weekdays": ["sat", "sun"]}},
        {"id": "winter", "season": "winter", "claim_grace": {"days": 9}},
    ],
    seasons=[
        {"id": "winter", "starts": "2024-03-01T00:00:00Z", "ends": "2024-03-03T00:00:00Z"},
        {"id": "winter", "starts": "2024-12-01T00:00:00Z", "ends": "2024-12-03T00:00:00Z"},
    ],
)
FIRST_RUN, SECOND_RUN = THURSDAY + DAY, to_instant(datetime.fromisoformat("2024-12-01T00:00:00Z"))


@pytest.fixture
def timed_game(database_url: str) -> Iterator[Game]:
    """Yield a game with three schedules and a season."""
    with game(database_url, loaded(DOCUMENT)) as running:
        yield running


def rotation(running: Game, now: Instant) -> GetRotationResponse:
    """Return the rotation at an instant."""
    running.clock.now = now
    return running.challenges.GetRotation(GetRotationRequest(user_id="player"))


def period(start: Instant, length: Instant, grace: Instant | None = GRACE, **ids: str) -> challenge_pb2.Period:
    """Return a period as a message."""
    message = challenge_pb2.Period(start_time=timestamp(start), end_time=timestamp(start + length))
    if grace is not None:
        message.claim_end_time.CopyFrom(timestamp(start + length + grace))
    message.MergeFrom(challenge_pb2.Period(**ids))  # type: ignore[arg-type]  # ids alone, which are texts
    return message


def test_every_schedule_has_its_current_and_next_period(timed_game: Game) -> None:
    now = THURSDAY + 12 * HOUR
    response = rotation(timed_game, now)
    reset, monday = THURSDAY + 4 * HOUR, THURSDAY - 3 * DAY
    daily, weekend, winter = response.schedules
    assert daily == Rotation(
        schedule_id="daily",
        current=period(reset, DAY, schedule_id="daily"),
        next=period(reset + DAY, DAY, schedule_id="daily"),
        open=True,
    )
    assert weekend == Rotation(
        schedule_id="weekend",
        current=period(monday, 7 * DAY, schedule_id="weekend"),
        next=period(monday + 7 * DAY, 7 * DAY, schedule_id="weekend"),
        change_time=timestamp(monday + 5 * DAY),
    )
    assert winter == Rotation(
        schedule_id="winter",
        season_id="winter",
        next=period(FIRST_RUN, 2 * DAY, 9 * DAY, schedule_id="winter", season_id="winter"),
        change_time=timestamp(FIRST_RUN),
    )
    assert response.current_time == timestamp(now)
    assert response.catalogue_version == loaded(DOCUMENT).version


def test_every_season_has_its_current_and_next_run(timed_game: Game) -> None:
    first, second = (
        period(FIRST_RUN, 2 * DAY, None, season_id="winter"),
        period(SECOND_RUN, 2 * DAY, None, season_id="winter"),
    )
    (before,) = rotation(timed_game, THURSDAY).seasons
    assert before == Rotation(season_id="winter", next=first, change_time=timestamp(FIRST_RUN))
    (during,) = rotation(timed_game, FIRST_RUN).seasons
    assert during == Rotation(
        season_id="winter", current=first, next=second, open=True, change_time=timestamp(FIRST_RUN + 2 * DAY)
    )
    (after,) = rotation(timed_game, SECOND_RUN + 2 * DAY).seasons
    assert after == Rotation(season_id="winter")
