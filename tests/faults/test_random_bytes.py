"""Garbled requests: callers get an error that names the problem, and no call ends with INTERNAL."""

from __future__ import annotations

import logging
import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import grpc
import pytest
from challenge.v1 import challenge_pb2
from challenge.v1 import challenge_service_pb2 as challenge_rpc
from challenge.v1 import event_service_pb2 as event_rpc
from challenge.v1 import leaderboard_service_pb2 as leaderboard_rpc
from challenge.v1 import statistics_service_pb2 as statistics_rpc
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from challenge_service.__main__ import CONTRACT as CHALLENGE_CONTRACT
from challenge_service.__main__ import LEADERBOARD_CONTRACT, STATISTICS_CONTRACT
from event_handler.__main__ import CONTRACT as EVENT_CONTRACT
from tests.support.event_messages import login, stat, timestamp
from tests.support.leaderboards import ranked_now
from tests.support.refusals import refusal_of
from tests.support.sample_catalogue import sample_catalogue_with_leaderboards
from tests.support.services import NOW, ManualClock, challenge_channel, event_channel

pytestmark = pytest.mark.usefixtures("patient_pool")

AT_ONCE = 8
TIMEOUT_S = 10
CALLS, CALLS_SLOW = 1_000, 50_000

FINE = {
    grpc.StatusCode.OK,
    grpc.StatusCode.INVALID_ARGUMENT,
    grpc.StatusCode.NOT_FOUND,
    grpc.StatusCode.FAILED_PRECONDITION,
    grpc.StatusCode.ALREADY_EXISTS,
}

VALID: dict[str, Message] = {
    "InitializePlayer": challenge_rpc.InitializePlayerRequest(user_id="player", time_zone="Europe/Paris"),
    "ListChallenges": challenge_rpc.ListChallengesRequest(
        user_id="player", active_only=True, challenge_ids=["arena", "island"], page_size=1
    ),
    "SetPlayerAttribute": challenge_rpc.SetPlayerAttributeRequest(user_id="player", attribute="premium", present=True),
    "GetChallenge": challenge_rpc.GetChallengeRequest(user_id="player", challenge_id="arena"),
    "SetGoalActive": challenge_rpc.SetGoalActiveRequest(
        user_id="player", challenge_id="arena", goal_id="warm-up", active=True
    ),
    "ClaimReward": challenge_rpc.ClaimRewardRequest(
        user_id="player",
        challenge_id="arena",
        goal_id="warm-up",
        period_start=timestamp(NOW),
        occurrence=1,
        request_id="request",
        wait=Duration(nanos=1),
    ),
    "ClaimAll": challenge_rpc.ClaimAllRequest(user_id="player", challenge_id="arena"),
    "GetRotation": challenge_rpc.GetRotationRequest(user_id="player"),
    "SelectGoals": challenge_rpc.SelectGoalsRequest(
        user_id="player", challenge_id="arena", goal_ids=["warm-up", "champion"], replace=True, request_id="request"
    ),
    "RerollGoal": challenge_rpc.RerollGoalRequest(
        user_id="player", challenge_id="arena", goal_id="warm-up", request_id="request"
    ),
    "ListClaimable": challenge_rpc.ListClaimableRequest(user_id="player", page_size=1),
    "GetClaim": challenge_rpc.GetClaimRequest(user_id="player", grant_id="6b0f6f3e-6a0b-5a53-9b0c-0f2d3c7a9d11"),
    "ListClaims": challenge_rpc.ListClaimsRequest(
        user_id="player", states=[challenge_pb2.CLAIM_STATE_PENDING], page_size=1
    ),
    "SelectRandomGoals": challenge_rpc.SelectRandomGoalsRequest(
        user_id="player",
        challenge_id="arena",
        count=2,
        replace=True,
        exclude_active=True,
        tag="tag",
        request_id="other",
    ),
    "GetPlayerStats": statistics_rpc.GetPlayerStatsRequest(user_id="player"),
    "GetPlayerTrend": statistics_rpc.GetPlayerTrendRequest(
        user_id="player", from_time=timestamp(NOW), to_time=timestamp(NOW)
    ),
    "GetChallengeReport": statistics_rpc.GetChallengeReportRequest(challenge_id="player"),
    "ListLeaderboards": leaderboard_rpc.ListLeaderboardsRequest(),
    "ListLeaderboard": leaderboard_rpc.ListLeaderboardRequest(
        leaderboard_id="wins", period_time=timestamp(NOW), user_ids=["player", "other"]
    ),
    "GetPlayerRank": leaderboard_rpc.GetPlayerRankRequest(
        leaderboard_id="wins", user_id="player", period_time=timestamp(NOW), neighbours=5, top_percent=10
    ),
    "ReportEvent": event_rpc.ReportEventRequest(event=stat("wins", delta=3, value=5)),
    "ReportEvents": event_rpc.ReportEventsRequest(events=[login(), stat("level", "player", value=5), login("other")]),
    "StreamEvents": event_rpc.StreamEventsRequest(events=[login(), stat("level", value=5)]),
}


Send = Callable[[bytes], Sequence[bytes]]
"""Sends bytes unchanged, and returns the responses unchanged."""


class Method(NamedTuple):
    """A method of one of the services."""

    descriptor: MethodDescriptor
    send: Send


@pytest.fixture
def methods(database_url: str) -> Iterator[list[Method]]:
    """Yield all methods of both services."""
    ranked_now(database_url, sample_catalogue_with_leaderboards())
    with (
        challenge_channel(database_url, sample_catalogue_with_leaderboards(), clock=ManualClock()) as challenges,
        event_channel(database_url, sample_catalogue_with_leaderboards(), clock=ManualClock()) as events,
    ):
        yield [
            Method(descriptor, sender(channel, descriptor))
            for channel, contract in (
                (challenges, CHALLENGE_CONTRACT),
                (challenges, STATISTICS_CONTRACT),
                (challenges, LEADERBOARD_CONTRACT),
                (events, EVENT_CONTRACT),
            )
            for descriptor in contract.methods
        ]


def sender(channel: grpc.Channel, method: MethodDescriptor) -> Send:
    path = f"/{method.containing_service.full_name}/{method.name}"
    if method.client_streaming:
        stream: Any = channel.stream_stream(path)
        return lambda raw: list(stream(iter([raw]), timeout=TIMEOUT_S))
    unary: Any = channel.unary_unary(path)
    return lambda raw: [unary(raw, timeout=TIMEOUT_S)]


def garbled(chance: random.Random, valid: bytes) -> bytes:
    """Return anything from random bytes to a message that is damaged in one place."""
    raw = bytearray(valid)
    match chance.randrange(5) if valid else 0:
        case 0:
            return chance.randbytes(chance.randrange(200))
        case 1:
            return valid[: chance.randrange(len(valid))]
        case 2:
            for _ in range(chance.randint(1, 4)):
                raw[chance.randrange(len(raw))] = chance.randrange(256)
        case 3:
            place = chance.randrange(len(raw))
            raw[place:place] = chance.randbytes(chance.randint(1, 8))
        case 4:
            place = chance.randrange(len(raw))
            del raw[place : place + chance.randint(1, 8)]
    return bytes(raw)


@pytest.mark.parametrize("calls", [CALLS, pytest.param(CALLS_SLOW, marks=pytest.mark.slow)])
def test_garbled_messages_never_cause_an_internal_error(
    methods: list[Method], calls: int, caplog: pytest.LogCaptureFixture
) -> None:
    chance = random.Random(16)

    def call(number: int) -> grpc.StatusCode:
        method = methods[number % len(methods)]
        raw = garbled(chance, VALID[method.descriptor.name].SerializeToString())
        try:
            responses = method.send(raw)
        except grpc.RpcError as error:
            return refusal_of(error).code
        for response in responses:
            GetMessageClass(method.descriptor.output_type).FromString(response)
        return grpc.StatusCode.OK

    with ThreadPoolExecutor(AT_ONCE) as callers:
        codes = Counter(callers.map(call, range(calls)))
    assert set(codes) <= FINE
    assert codes[grpc.StatusCode.INVALID_ARGUMENT] > calls / 4
    assert codes[grpc.StatusCode.OK] > calls / 50
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]
    for method in methods:
        if method.descriptor.name in ("ListChallenges", "ReportEvents", "StreamEvents"):
            assert method.send(VALID[method.descriptor.name].SerializeToString())


@pytest.mark.parametrize("bad", [b"\xff", b"\xc3\x28", b"\xed\xa0\x80", b"\xf8\x88\x80\x80\x80", b"a\xc0\x80"])
def test_text_that_is_not_utf_8_is_an_invalid_argument(methods: list[Method], bad: bytes) -> None:
    for method in methods:
        raw = VALID[method.descriptor.name].SerializeToString()
        spoiled = raw.replace(b"player", bad + b"player"[len(bad) :])
        if not raw:
            continue  # A request without fields has no text.
        with pytest.raises(grpc.RpcError) as raised:
            method.send(spoiled)
        assert refusal_of(raised.value).code is grpc.StatusCode.INVALID_ARGUMENT
