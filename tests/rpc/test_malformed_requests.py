"""Malformed requests are invalid arguments, never internal errors."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from challenge.v1.challenge_service_pb2 import ListChallengesRequest
from google.rpc.error_details_pb2 import ErrorInfo  # type: ignore[import-untyped]
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.rpc.serving import SERVICE, code_of, details_of, failure_of, running

LIST = f"/{SERVICE.full_name}/ListChallenges"
ACCEPTABLE = frozenset({grpc.StatusCode.OK, grpc.StatusCode.INVALID_ARGUMENT})


@pytest.fixture(scope="module")
def channel() -> Iterator[grpc.Channel]:
    with running() as opened:
        yield opened


def test_malformed_bytes_are_an_invalid_argument(channel: grpc.Channel) -> None:
    failure = failure_of(channel, b"\xff\xff\xff")
    assert failure.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert details_of(failure)[ErrorInfo].reason == "INVALID_REQUEST"


def test_text_that_is_not_utf_8_is_an_invalid_argument(channel: grpc.Channel) -> None:
    assert code_of(channel, LIST, b"\x0a\x02\xc3\x28") is grpc.StatusCode.INVALID_ARGUMENT


def test_every_truncation_of_a_request_is_a_request_or_an_invalid_argument(channel: grpc.Channel) -> None:
    request = ListChallengesRequest(user_id="player", active_only=True, challenge_ids=["a", "b"], page_token="token")
    raw = request.SerializeToString()
    codes = {code_of(channel, LIST, raw[:length]) for length in range(len(raw))}
    assert codes == ACCEPTABLE


@settings(max_examples=300)
@given(raw=st.binary(max_size=64))
@pytest.mark.parametrize("method", [LIST, "/grpc.health.v1.Health/Check"])
def test_random_bytes_are_a_request_or_an_invalid_argument(channel: grpc.Channel, method: str, raw: bytes) -> None:
    assert code_of(channel, method, raw) in ACCEPTABLE | {grpc.StatusCode.NOT_FOUND}


def test_random_bytes_do_not_break_reflection(channel: grpc.Channel) -> None:
    reflect: Any = channel.stream_stream("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo")
    assert list(reflect(iter([b"\xff\xff\xff"]), timeout=60))


def test_a_message_beyond_the_limit_is_refused_and_the_server_goes_on(channel: grpc.Channel) -> None:
    assert code_of(channel, LIST, b"\x0a" * 5_000_000) is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert code_of(channel, LIST) is grpc.StatusCode.OK


def test_metadata_beyond_the_limit_is_refused_and_the_server_goes_on(channel: grpc.Channel) -> None:
    assert code_of(channel, LIST, metadata=[("padding", "x" * 20_000)]) is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert code_of(channel, LIST) is grpc.StatusCode.OK
