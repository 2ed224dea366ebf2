"""Requests are bounded before they are parsed."""

from __future__ import annotations

import tracemalloc

import pytest
from challenge.v1 import challenge_service_pb2, event_service_pb2, leaderboard_service_pb2
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.errors import InvalidRequest
from shared.rpc.request_limits import COUNTED_BYTES_MIN, LIMITS, RequestParser, fields_of
from shared.rpc.wire import varint

SERVICES = {
    **challenge_service_pb2.DESCRIPTOR.services_by_name,
    **event_service_pb2.DESCRIPTOR.services_by_name,
    **leaderboard_service_pb2.DESCRIPTOR.services_by_name,
}
METHODS = {method.name: method for service in SERVICES.values() for method in service.methods}
EMPTY_EVENTS = b"\x0a\x00" * 2_000_000
VARINT_FIRST = b"\x78\x01"


def refused_fields(method: str, raw: bytes) -> set[str]:
    with pytest.raises(InvalidRequest) as refused:
        RequestParser(METHODS[method]).parse(raw)
    return {violation.field for violation in refused.value.violations}


def test_limits_are_those_of_methods_of_the_contract() -> None:
    assert set(LIMITS) <= set(METHODS)


@pytest.mark.parametrize("method", ["ReportEvents", "StreamEvents"])
@pytest.mark.parametrize("before", [b"", VARINT_FIRST, b"\x7a\x00", b"\x7d\x00\x00\x00\x00", b"\x79" + bytes(8)])
def test_four_megabytes_of_empty_events_are_refused_without_being_parsed(method: str, before: bytes) -> None:
    raw = before + EMPTY_EVENTS
    tracemalloc.start()
    assert refused_fields(method, raw) == {"events"}
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1_000_000


@pytest.mark.parametrize(("method", "field"), [("ReportEvent", "event"), ("ReportEvents", "events")])
def test_very_many_attributes_are_refused_without_being_parsed(method: str, field: str) -> None:
    entries = b"".join(b"\x32\x05\x0a\x03" + number.to_bytes(3) for number in range(200_000))
    event = event_service_pb2.ReportEventRequest(event=event_service_pb2.Event(event_id="1")).SerializeToString()
    raw = event[:1] + varint(len(entries)) + entries
    assert refused_fields(method, raw) == {f"{field}.attributes"}


@pytest.mark.parametrize(("method", "field"), [("ListChallenges", "challenge_ids"), ("ListLeaderboard", "user_ids")])
def test_many_empty_ids_are_refused_without_being_parsed(method: str, field: str) -> None:
    number = METHODS[method].input_type.fields_by_name[field].number
    assert refused_fields(method, bytes([number << 3 | 2, 0]) * 500_000) == {field}


@pytest.mark.parametrize("method", sorted(set(METHODS) - set(LIMITS)))
def test_most_methods_accept_only_small_requests(method: str) -> None:
    assert refused_fields(method, b"\x0a\xff\xff\x03" + b"x" * 65_535) == {"request"}


def test_the_largest_valid_requests_are_accepted() -> None:
    wide = "\U0001f3ae"
    event = event_service_pb2.Event(
        event_id=wide * 64,
        user_id=wide * 128,
        event_time=Timestamp(seconds=1, nanos=999_999_999),
        stat_updated=event_service_pb2.StatUpdated(stat_code=wide * 128, delta=2**40, value=-(2**40)),
    )
    requests: dict[str, Message] = {
        "ReportEvent": event_service_pb2.ReportEventRequest(event=event),
        "ReportEvents": event_service_pb2.ReportEventsRequest(events=[event] * 1_000),
        "ListChallenges": challenge_service_pb2.ListChallengesRequest(
            user_id=wide * 128, challenge_ids=[wide * 128] * 1_000
        ),
        "ListLeaderboard": leaderboard_service_pb2.ListLeaderboardRequest(user_ids=[wide * 128] * 500),
        "ClaimReward": challenge_service_pb2.ClaimRewardRequest(
            user_id=wide * 128, challenge_id=wide * 128, goal_id=wide * 128, request_id=wide * 128
        ),
    }
    for method, request in requests.items():
        assert RequestParser(METHODS[method]).parse(request.SerializeToString()) == request


@given(st.lists(st.text(max_size=300), max_size=40), st.integers(0, 2**31 - 1), st.booleans())
def test_the_scan_finds_the_fields_of_an_encoded_message(ids: list[str], page_size: int, active_only: bool) -> None:
    request = challenge_service_pb2.ListChallengesRequest(
        challenge_ids=ids, page_size=page_size, active_only=active_only
    )
    numbers = [number for number, _ in fields_of(request.SerializeToString())]
    assert numbers == [2] * active_only + [3] * len(ids) + [4] * (page_size > 0)


@given(st.binary(max_size=200))
def test_the_scan_ends_for_any_bytes(raw: bytes) -> None:
    try:
        list(fields_of(raw))
    except InvalidRequest as refused:
        assert refused.violations[0].field == "request"  # noqa: PT017 - most bytes are refused


def test_requests_of_ordinary_size_are_not_counted() -> None:
    raw = b"\x0a\x00" * (COUNTED_BYTES_MIN // 2 - 1)
    assert isinstance(RequestParser(METHODS["ReportEvents"]).parse(raw), Message)
