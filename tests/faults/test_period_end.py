"""The end of a period: in the middle of streams to two handlers that are killed, and while its rewards are claimed."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import pytest
from challenge.v1.challenge_service_pb2 import ClaimAllRequest, ClaimRewardRequest
from challenge.v1.challenge_service_pb2_grpc import ChallengeServiceStub
from challenge.v1.event_service_pb2_grpc import EventServiceStub

from shared.domain.goal import AMOUNT_MAX
from shared.domain.instant import DAY, MINUTE, Instant
from shared.domain.schedules import CLAIM_GRACE_DEFAULT, DAILY
from tests.catalogue.documents import loaded, write_json
from tests.support.event_callers import calling
from tests.support.event_messages import stat, timestamp
from tests.support.goals import CHALLENGE_ID, catalogue_of, goal
from tests.support.oracle import PROGRESS_S, Oracle
from tests.support.refusals import refusal_of
from tests.support.sample_catalogue import assigned, challenge
from tests.support.service_process import serving
from tests.support.services import NOW, ManualClock, challenge_service, game, rows
from tests.support.travelling import travelling

KILLS = 12
EVENTS_BETWEEN_KILLS_MAX = 600
DOCUMENT = {
    "schedules": [{"id": "daily", "every": "day"}],
    "challenges": [
        challenge("sums", assigned("sum", stat="points", count="sum", target=AMOUNT_MAX, schedule="daily")),
        challenge("counts", assigned("events", stat="points", count="events", target=AMOUNT_MAX, schedule="daily")),
        challenge("rewards", assigned("played", stat="points", count="events", target=5, schedule="daily")),
    ],
}
"""The catalogue that the oracle needs, by day, with a reward for five events in a day."""
TALLY = "SELECT sum, events FROM tally WHERE user_id = %s AND schedule = 'day/UTC' AND period_start = instant(%s)"


@pytest.mark.slow
def test_each_event_counts_once_in_its_own_day_and_no_reward_is_lost_to_the_reset(
    database_url: str, tmp_path: Path
) -> None:
    environ = {"CATALOGUE": str(write_json(tmp_path / "catalogue.json", DOCUMENT)), "DEVELOPMENT_CLOCK": "true"}
    reset: Instant = (time.time_ns() // 1_000 // DAY + 2) * DAY
    clock, chance = ManualClock(reset - MINUTE), random.Random(36)
    # Callers' clocks may be five minutes ahead.
    oracle = Oracle(reset + 3 * MINUTE, seed=36, span=8 * MINUTE)
    with (
        serving("event_handler", database_url, **environ) as one,
        serving("event_handler", database_url, **environ) as other,
    ):
        stubs = [EventServiceStub(travelling(handler.channel, clock)) for handler in (one, other)]
        with calling(oracle, stubs):
            for kill in range(KILLS):
                oracle.wait_for_acknowledged(chance.randint(1, EVENTS_BETWEEN_KILLS_MAX))
                if kill == KILLS // 2:
                    # The day ends for calls and streams that begin from now on.
                    clock.now = reset + MINUTE
                (one, other)[kill % 2].kill()
                (one, other)[kill % 2].start()
            oracle.wait_for_acknowledged(EVENTS_BETWEEN_KILLS_MAX, KILLS * PROGRESS_S)

    def counted_in(start: Instant) -> Callable[[str], tuple[int, int]]:
        def tally(player: str) -> tuple[int, int]:
            found = rows(database_url, TALLY, player, start)
            return found[0] if found else (0, 0)

        return tally

    oracle.judge_counted(counted_in(reset - DAY), lambda instant: instant < reset)
    judgement = oracle.judge_counted(counted_in(reset), lambda instant: instant >= reset)
    print(f"\n{KILLS} kills of two handlers: {judgement}")  # noqa: T201
    judgement.assert_right()
    enough = {
        (player, start)
        for player in oracle.players()
        for start in (reset - DAY, reset)
        if counted_in(start)(player)[1] >= 5
    }
    assert {start for _, start in enough} == {reset - DAY, reset}
    with challenge_service(database_url, loaded(DOCUMENT), clock=clock) as stub:
        for player in oracle.players():
            stub.ClaimAll(ClaimAllRequest(user_id=player))
    claimed = rows(database_url, "SELECT user_id, microseconds(period_start) FROM reward_outbox")
    assert sorted(claimed) == sorted(enough)


FIRST_DAY: Instant = NOW - NOW % DAY
RESET = FIRST_DAY + DAY
CLAIM_END = RESET + CLAIM_GRACE_DEFAULT
CATALOGUE = catalogue_of(goal("daily", target=1, schedule=DAILY))
PLAYERS = 12
CALLS = 16
"""Concurrent calls for each player."""


def claim(stub: ChallengeServiceStub, player: str, number: int) -> str:
    """Claim in one of the ways that there are; return the grant, or the reason of the refusal."""
    request = ClaimRewardRequest(user_id=player, challenge_id=CHALLENGE_ID, goal_id="daily")
    if number % 3 == 0:
        results = stub.ClaimAll(ClaimAllRequest(user_id=player)).results
        return results[0].claim.grant_id if results else "NOTHING"
    if number % 3 == 1:
        request.period_start.CopyFrom(timestamp(FIRST_DAY))
    try:
        return stub.ClaimReward(request).claim.grant_id
    except grpc.RpcError as error:
        return refusal_of(error).reason


@pytest.mark.usefixtures("patient_pool")
@pytest.mark.parametrize(
    ("end", "refusals_before", "refusals_after"),
    [
        (RESET, {"ALREADY_CLAIMED"}, {"ALREADY_CLAIMED"}),
        (CLAIM_END, {"ALREADY_CLAIMED"}, {"CLAIM_ENDED", "GOAL_NOT_COMPLETED", "NOTHING"}),
    ],
    ids=["reset", "claim end"],
)
def test_claims_at_once_on_both_sides_of_an_end_are_one_grant(
    database_url: str, end: Instant, refusals_before: set[str], refusals_after: set[str]
) -> None:
    players = [f"player {number}" for number in range(PLAYERS)]
    with (
        game(database_url, CATALOGUE, clock=ManualClock(RESET - 1)) as running,
        challenge_service(database_url, CATALOGUE, clock=ManualClock(end - 1)) as before,
        challenge_service(database_url, CATALOGUE, clock=ManualClock(end)) as after,
        ThreadPoolExecutor(CALLS) as callers,
    ):
        running.report(*[stat("kills", player, delta=1, at=RESET - 1) for player in players])
        for player in players:
            numbers = range(CALLS // 2)
            earlier = [callers.submit(claim, before, player, number) for number in numbers]
            later = [callers.submit(claim, after, player, number) for number in numbers]
            outcomes = Counter(each.result() for each in earlier), Counter(each.result() for each in later)
            grants = {outcome for found in outcomes for outcome in found if outcome.count("-") == 4}
            stored = running.rows("SELECT grant_id::text FROM reward_outbox WHERE user_id = %s", player)
            assert [(grant,) for grant in grants] == stored
            assert outcomes[0].keys() - grants <= refusals_before
            assert outcomes[1].keys() - grants <= refusals_after
