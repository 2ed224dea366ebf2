"""A player changes the time zone again and again around resets: no more days than the rule allows, and none lost."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from challenge.v1 import event_service_pb2 as event_rpc
from challenge.v1.challenge_service_pb2 import ClaimAllRequest, InitializePlayerRequest

from shared.domain.goal import Counting
from shared.domain.instant import DAY, HOUR, Instant
from shared.domain.player_zones import SINCE_EVER, ZONE_CHANGE_INTERVAL, NamedZone
from shared.domain.recurrence import Every, Recurrence
from shared.domain.schedules import Schedule
from shared.rpc.instants import instant_of
from tests.support.event_messages import stat
from tests.support.goals import catalogue_of, goal
from tests.support.periods import period_of
from tests.support.services import NOW, Game, challenge_service, game

OWN_DAY = Schedule(Recurrence(Every.DAY, by_player=True), id="daily")
CATALOGUE = replace(
    catalogue_of(goal("daily", counting=Counting.EVENTS, target=1, schedule=OWN_DAY)), schedules=(OWN_DAY,)
)
ZONES = ("Pacific/Kiritimati", "Etc/GMT+12", "Asia/Tokyo", "America/New_York", "Europe/Paris")
CHANGES = 10
FIRST: Instant = NOW - NOW % DAY
STEP = 8 * HOUR
"""Time between two events."""
PLAYERS = 20


def name_zone(running: Game, zone: str) -> bool:
    """Name a time zone, and return whether it was accepted."""
    request = InitializePlayerRequest(user_id="player", time_zone=zone)
    return not running.challenges.InitializePlayer(request).HasField("time_zone_refused")


def claim_all(running: Game) -> int:
    """Claim everything, and return the number of new claims."""
    results = running.challenges.ClaimAll(ClaimAllRequest(user_id="player")).results
    assert all(result.claim.grant_id for result in results)
    return sum(result.newly_claimed for result in results)


def test_ten_changes_of_zone_gain_no_more_days_than_the_rule_allows_and_lose_none(database_url: str) -> None:
    weeks = CHANGES + 1
    with game(database_url, CATALOGUE) as running:
        running.clock.now = FIRST
        assert name_zone(running, "Europe/Paris")
        accepted = [NamedZone(SINCE_EVER, "Europe/Paris")]
        claimed, times = 0, list(range(FIRST, FIRST + weeks * 7 * DAY, STEP))
        for time in times:
            running.clock.now = time
            (result,) = running.report(stat("kills", delta=1, at=time))
            assert result.verdict == event_rpc.VERDICT_APPLIED
            # On the day before a change is allowed the player tries around the reset, and goes on to try until it is.
            if len(accepted) <= CHANGES and time >= max(FIRST, accepted[-1].instant) + ZONE_CHANGE_INTERVAL - DAY:
                reset = period_of(OWN_DAY, time, tuple(accepted)).end
                assert reset is not None
                for instant in (reset - 1, reset, reset + 1):
                    if instant < time + STEP:
                        running.clock.now = instant
                        zone = ZONES[len(accepted) % len(ZONES)]
                        if name_zone(running, zone):
                            accepted.append(NamedZone(instant, zone))
            running.clock.now = time
            claimed += claim_all(running)
    assert len(accepted) > CHANGES
    periods = {period_of(OWN_DAY, time, tuple(accepted)).start for time in times}
    days = weeks * 7
    assert days - CHANGES <= len(periods) <= days + days / 14 + 1
    stored = {start for (start,) in running.rows("SELECT microseconds(period_start) FROM completion")}
    assert stored == periods
    assert claimed == len(periods)
    assert running.rows("SELECT count(*) FROM reward_outbox") == [(claimed,)]


@pytest.mark.usefixtures("patient_pool")
def test_zones_named_at_once_through_two_services_are_one_change(database_url: str) -> None:
    def initialize(number: int, zone: str) -> bool:
        request = InitializePlayerRequest(user_id=f"player {number % PLAYERS}", time_zone=zone)
        stub = (running.challenges, other)[number // PLAYERS % 2]
        refused = stub.InitializePlayer(request)
        if refused.HasField("time_zone_refused"):
            assert instant_of(refused.time_zone_refused.next_change_time) == reset + ZONE_CHANGE_INTERVAL
        return not refused.HasField("time_zone_refused")

    reset = FIRST + 30 * DAY
    with (
        game(database_url, CATALOGUE) as running,
        challenge_service(database_url, CATALOGUE, clock=running.clock) as other,
        ThreadPoolExecutor(16) as callers,
    ):
        for number in range(PLAYERS):
            assert initialize(number, "UTC")
        running.clock.now = reset
        events = [
            stat("kills", f"player {number}", delta=1, at=at) for number in range(PLAYERS) for at in (reset - 1, reset)
        ]
        reported = callers.submit(running.report, *events)
        calls = [(number, ZONES[number // PLAYERS]) for number in range(PLAYERS * len(ZONES))]
        accepted = sum(callers.map(lambda call: initialize(*call), calls))
        completed = [result for result in reported.result() if result.completions]
    assert accepted == PLAYERS
    # The day before the reset, and the day that begins with it, whatever zone was named at it.
    assert len(completed) == 2 * PLAYERS
    starts = "SELECT microseconds(period_start), count(*) FROM completion GROUP BY period_start ORDER BY period_start"
    assert running.rows(starts) == [(reset - DAY, PLAYERS), (reset, PLAYERS)]
