"""The metadata key by which a call carries its instant."""

from __future__ import annotations

from typing import Any

import grpc
import pytest
from challenge.v1 import challenge_service_pb2, event_service_pb2, leaderboard_service_pb2, statistics_service_pb2
from google.protobuf.descriptor import MethodDescriptor

from shared.domain.errors import InvalidRequest
from shared.domain.instant import DAY
from shared.rpc.carried_time import FIRST, KEY, LAST, carried_instant
from shared.runtime.development_clock import DevelopmentClock
from tests.rpc.serving import initialize, running
from tests.support.refusals import refusal_of
from tests.support.sample_catalogue import sample_game
from tests.support.services import NOW, Game

__all__ = ["sample_game"]

SERVICES = [
    *challenge_service_pb2.DESCRIPTOR.services_by_name.values(),
    *statistics_service_pb2.DESCRIPTOR.services_by_name.values(),
    *leaderboard_service_pb2.DESCRIPTOR.services_by_name.values(),
    *event_service_pb2.DESCRIPTOR.services_by_name.values(),
]
METHODS = [method for service in SERVICES for method in service.methods]


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2024-02-29T12:00:00Z", NOW),
        ("2024-02-29T21:00:00+09:00", NOW),
        ("2024-02-29T12:00:00.000001Z", NOW + 1),
        ("2000-01-01T00:00:00Z", FIRST),
        ("2100-01-01T00:00:00Z", LAST),
    ],
)
def test_an_instant_is_read_by_rfc_3339(text: str, instant: int) -> None:
    assert carried_instant([("user-agent", "game"), (KEY, text)]) == instant
    assert carried_instant([("user-agent", "game")]) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "now",
        "1709208000",
        "2024-02-29",
        "2024-02-30T12:00:00Z",
        "2024-02-29T12:00:00",
        "1999-12-31T23:59:59Z",
        "2100-01-01T00:00:01Z",
        "9999-12-31T23:59:59Z",
        "0001-01-01T00:00:00Z",
        "2024-02-29T12:00:00+9",
    ],
)
def test_a_malformed_instant_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest, match=KEY):
        carried_instant([(KEY, text)])
    with pytest.raises(InvalidRequest, match="more than once"):
        carried_instant([(KEY, "2024-02-29T12:00:00Z")] * 2)


def call(channel: grpc.Channel, method: MethodDescriptor, text: str) -> grpc.RpcError | None:
    """Send an empty request that carries an instant, and return the error."""
    path, metadata = f"/{method.containing_service.full_name}/{method.name}", [(KEY, text)]
    streaming: Any = channel.stream_stream(path)
    unary: Any = channel.unary_unary(path)
    try:
        if method.client_streaming:
            list(streaming(iter([b""]), metadata=metadata, timeout=60))
        else:
            unary(b"", metadata=metadata, timeout=60)
    except grpc.RpcError as error:
        return error
    return None


def test_every_method_refuses_the_key_without_the_development_clock(sample_game: Game) -> None:
    for method in METHODS:
        channel = sample_game.event_channel if method.containing_service in SERVICES[-1:] else sample_game.channel
        error = call(channel, method, "2024-02-29T12:00:00Z")
        assert error is not None, method.full_name
        refused = refusal_of(error)
        assert refused.code is grpc.StatusCode.INVALID_ARGUMENT, method.full_name
        assert "DEVELOPMENT_CLOCK=true" in refused.fields[KEY], method.full_name


def test_a_call_runs_at_the_instant_that_it_carries_and_the_next_one_in_the_present() -> None:
    development = DevelopmentClock()
    clock = development.over(lambda: NOW)
    with running(lambda *_: str(clock()).encode(), threads=1, development=development) as channel:
        in_a_week = [(KEY, "2024-03-07T12:00:00Z")]
        assert [int(initialize(channel, metadata=metadata)) for metadata in (None, in_a_week, None)] == [
            NOW,
            NOW + 7 * DAY,
            NOW,
        ]
        assert initialize(channel, metadata=[("challenge-development-clock", "x")]) == str(NOW).encode()
