"""Days are UTC days of the time of the event, whenever it arrives."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from challenge.v1 import event_service_pb2 as rpc
from challenge.v1.challenge_service_pb2 import InitializePlayerRequest

from shared.domain.instant import MICROSECOND, SECOND, to_instant
from tests.support.event_messages import login
from tests.support.services import Game

MIDNIGHTS = [
    datetime(2024, 2, 29, tzinfo=UTC),
    datetime(2024, 3, 1, tzinfo=UTC),
    datetime(2023, 3, 1, tzinfo=UTC),
    datetime(2025, 1, 1, tzinfo=UTC),
    # Days of clock changes in Europe and in America.
    datetime(2024, 3, 31, tzinfo=UTC),
    datetime(2024, 10, 27, tzinfo=UTC),
    datetime(2024, 11, 3, tzinfo=UTC),
]


@pytest.mark.parametrize("midnight", MIDNIGHTS, ids=lambda midnight: f"{midnight:%Y-%m-%d}")
def test_the_last_and_first_moments_around_midnight_count_as_two_days(sample_game: Game, midnight: datetime) -> None:
    start = to_instant(midnight)
    sample_game.clock.now = start + SECOND
    sample_game.challenges.InitializePlayer(InitializePlayerRequest(user_id="player", time_zone="Europe/Berlin"))
    [before, same_day, after, again] = sample_game.report(
        login(at=start - 1_000 * MICROSECOND), login(at=start - MICROSECOND), login(at=start), login(at=start + SECOND)
    )
    assert {each.verdict for each in (before, same_day, after, again)} == {rpc.VERDICT_APPLIED}
    assert [[done.goal_id for done in each.completions] for each in (before, same_day, after, again)] == [
        ["welcome"],
        [],
        ["regular"],
        [],
    ]
    assert sample_game.goal("regular").progress == 2
    [(days, day_count)] = sample_game.rows("SELECT days::text, day_count FROM tally")
    first = (midnight.date() - timedelta(days=1)).toordinal() - datetime(1970, 1, 1, tzinfo=UTC).toordinal()
    assert (days, day_count) == (f"{{[{first},{first + 2})}}", 2)


def test_a_day_that_arrives_late_and_twice_counts_once(sample_game: Game) -> None:
    start = to_instant(datetime(2024, 3, 1, tzinfo=UTC))
    sample_game.clock.now = start + SECOND
    yesterday = login(event_id="same", at=start - SECOND)
    today = login(event_id="same", at=start)
    for event, verdict, progress in [
        (today, rpc.VERDICT_APPLIED, 1),
        (today, rpc.VERDICT_DUPLICATE, 1),
        (yesterday, rpc.VERDICT_APPLIED, 2),
        (yesterday, rpc.VERDICT_DUPLICATE, 2),
    ]:
        [result] = sample_game.report(event)
        assert result.verdict == verdict
        assert sample_game.goal("regular").progress == progress


def test_nanoseconds_are_not_rounded_up_to_the_next_day(sample_game: Game) -> None:
    start = to_instant(datetime(2024, 3, 1, tzinfo=UTC))
    sample_game.clock.now = start
    event = login(at=start - MICROSECOND)
    event.event_time.nanos += 999
    sample_game.report(event)
    assert sample_game.goal("regular").progress == 1
    assert sample_game.rows("SELECT event_day::text FROM event_seen") == [("2024-02-29",)]
