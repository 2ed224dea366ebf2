"""Deadlines and cancellation: a call is applied as a whole or not at all."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import grpc
import pytest
from challenge.v1 import event_service_pb2 as rpc
from challenge.v1.challenge_service_pb2 import ClaimRewardRequest, ListChallengesRequest

from tests.support.busy_machine import LATE_S
from tests.support.event_messages import stat
from tests.support.proxy import proxy_to
from tests.support.refusals import refusal
from tests.support.sample_catalogue import sample_catalogue
from tests.support.servicers import POOL_SIZE
from tests.support.services import Game, game, rows
from tests.support.unstalled_clock import unstalled_s
from tests.support.waiting import wait_until

YEAR_S = 365 * 24 * 3_600
"""Seconds by which a call may end after its deadline."""
BATCH = 50
CONNECTIONS = 2 * POOL_SIZE
"""Those of both services."""


def batch(who: str) -> rpc.ReportEventsRequest:
    return rpc.ReportEventsRequest(
        events=[stat("wins", who, delta=1, event_id=f"{who} {number}") for number in range(BATCH)]
    )


def cancel_after(call: grpc.Future[Any], wait_s: float) -> None:
    """Wait for a while, then cancel the call."""
    with suppress(grpc.FutureTimeoutError, grpc.FutureCancelledError, grpc.RpcError):
        call.result(timeout=wait_s)
    call.cancel()


@pytest.fixture(autouse=True)
def whole_pools(monkeypatch: pytest.MonkeyPatch) -> None:
    """Services open all connections at once."""
    monkeypatch.setattr("tests.support.servicers.KEPT", None)


def assert_pools_are_whole(running: Game) -> None:
    """Assert that all pooled connections exist, are idle, and serve calls again."""
    states = "SELECT state FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'test'"
    wait_until(lambda: running.rows(states) == [("idle",)] * CONNECTIONS)
    with ThreadPoolExecutor(16) as callers:
        assert len(set(callers.map(lambda _: len(running.goals()), range(64)))) == 1
    assert len(running.rows(states)) == CONNECTIONS


@pytest.mark.parametrize("timeout_s", [None, YEAR_S, 5.0])
def test_a_long_deadline_or_none_is_accepted(sample_game: Game, timeout_s: float | None) -> None:
    response = sample_game.events.ReportEvents(batch("player"), timeout=timeout_s)
    assert {result.verdict for result in response.results} == {rpc.VERDICT_APPLIED}


def test_batches_of_cancelled_calls_are_applied_as_a_whole_or_not_at_all(sample_game: Game) -> None:
    chance = random.Random(25)
    players = [f"player-{number}" for number in range(60)]
    for who in players:
        call = sample_game.events.ReportEvents.future(batch(who), timeout=chance.choice([None, 0.001, 0.01]))
        cancel_after(call, chance.uniform(0, 0.05))
    assert_pools_are_whole(sample_game)
    counted = dict(sample_game.rows("SELECT user_id, events FROM tally"))
    print(f"\n{len(players)} batches sent, {len(counted)} applied as a whole before they were sent again")  # noqa: T201
    assert set(counted.values()) <= {BATCH}
    for who in players:
        verdicts = {result.verdict for result in sample_game.events.ReportEvents(batch(who)).results}
        assert verdicts == {rpc.VERDICT_DUPLICATE if who in counted else rpc.VERDICT_APPLIED}
    assert set(sample_game.rows("SELECT events FROM tally")) == {(BATCH,)}


def test_cancelled_streams_are_applied_batch_by_batch(sample_game: Game) -> None:
    chance = random.Random(25)
    players = [f"player-{number}" for number in range(60)]
    for who in players:
        batches = [rpc.StreamEventsRequest(events=batch(f"{who}-{number}").events) for number in range(4)]
        stream = sample_game.events.StreamEvents(iter(batches), timeout=chance.choice([None, 0.001, 0.01]))
        patience = threading.Timer(chance.uniform(0, 0.05), stream.cancel)
        patience.start()
        with suppress(grpc.RpcError):
            list(stream)
        patience.join()
    assert_pools_are_whole(sample_game)
    assert {events for (events,) in sample_game.rows("SELECT events FROM tally")} == {BATCH}
    for who in players:
        response = sample_game.events.ReportEvents(batch(f"{who}-0"))
        assert len({result.verdict for result in response.results}) == 1


def test_claims_of_cancelled_calls_are_granted_as_a_whole_or_not_at_all(sample_game: Game) -> None:
    chance = random.Random(25)
    players = [f"player-{number}" for number in range(60)]
    sample_game.report(*[stat("wins", who, delta=3) for who in players])

    def claim(who: str) -> ClaimRewardRequest:
        return ClaimRewardRequest(user_id=who, challenge_id="arena", goal_id="warm-up", request_id="request")

    for who in players:
        call = sample_game.challenges.ClaimReward.future(claim(who), timeout=chance.choice([None, 0.001, 0.005]))
        cancel_after(call, chance.uniform(0, 0.02))
    assert_pools_are_whole(sample_game)
    granted = dict(sample_game.rows("SELECT user_id, grant_id::text FROM reward_outbox"))
    claimed = {who for (who,) in sample_game.rows("SELECT user_id FROM completion WHERE claim_time IS NOT NULL")}
    assert set(granted) == claimed
    for who in players:
        grant_id = sample_game.challenges.ClaimReward(claim(who)).claim.grant_id
        assert granted.get(who, grant_id) == grant_id
    assert sample_game.rows("SELECT count(*) FROM reward_outbox") == [(len(players),)]


CALLS: dict[str, Callable[[Game, float | None], object]] = {
    "list": lambda running, timeout_s: running.challenges.ListChallenges(
        ListChallengesRequest(user_id="player"), timeout=timeout_s
    ),
    "claim": lambda running, timeout_s: running.challenges.ClaimReward(
        ClaimRewardRequest(user_id="player", challenge_id="arena", goal_id="warm-up"), timeout=timeout_s
    ),
    "event": lambda running, timeout_s: running.events.ReportEvent(
        rpc.ReportEventRequest(event=stat("wins", delta=1)), timeout=timeout_s
    ),
}


@pytest.mark.parametrize("call", CALLS)
def test_calls_end_by_their_deadline_while_the_database_hangs(database_url: str, call: str) -> None:
    with proxy_to(database_url) as (proxy, url_through_proxy), game(url_through_proxy, sample_catalogue()) as running:
        running.report(stat("wins", delta=3))
        running.goals()
        assert_pools_are_whole(running)
        proxy.freeze()
        for timeout_s in (0.2, 0.5, 1.0):
            started = unstalled_s()
            # The client library may end the call a moment before the response arrives, without a reason.
            with pytest.raises(grpc.RpcError) as ended:
                CALLS[call](running, timeout_s)
            assert unstalled_s() - started < timeout_s + LATE_S
            assert ended.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        proxy.thaw()
        wait_until(lambda: _serves(running, call))
        assert len(rows(database_url, "SELECT 1 FROM reward_outbox")) == (call == "claim")


@pytest.mark.slow
@pytest.mark.parametrize(("timeout_s", "ended_within_s"), [(None, 11), (YEAR_S, 31)], ids=["none", "a year"])
def test_calls_without_a_deadline_end_while_the_database_hangs(
    database_url: str, timeout_s: float | None, ended_within_s: float
) -> None:
    with (
        proxy_to(database_url) as (proxy, url_through_proxy),
        game(url_through_proxy, sample_catalogue()) as running,
        ThreadPoolExecutor(len(CALLS)) as callers,
    ):
        running.report(stat("wins", delta=3))
        running.goals()
        proxy.freeze()
        started = unstalled_s()
        for refused in callers.map(lambda call: refusal(lambda: call(running, timeout_s)), CALLS.values()):
            assert refused.code in (grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.UNAVAILABLE)
        assert unstalled_s() - started < ended_within_s
        proxy.thaw()


def _serves(running: Game, call: str) -> bool:
    try:
        CALLS[call](running, 60)
    except grpc.RpcError as error:
        return error.code() is grpc.StatusCode.ALREADY_EXISTS
    return True
