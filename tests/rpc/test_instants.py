"""Timestamps and durations of the contract go through one check."""

from __future__ import annotations

import re

import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.errors import InvalidRequest
from shared.rpc.instants import duration_message, duration_of, instant_of, is_representable, timestamp_message
from shared.rpc.validation import Violations
from tests.architecture.imports import ROOT

numbers = st.integers(-(2**63), 2**63 - 1) | st.integers(-253_402_300_801, 253_402_300_801)
nanos = st.integers(-(2**31), 2**31 - 1) | st.integers(-1_000_000_001, 1_000_000_001)


def is_valid(message: Timestamp | Duration) -> bool:
    """Return whether protobuf's own library accepts the message."""
    try:
        message.ToJsonString()
    except ValueError:
        return False
    return True


@given(numbers, nanos)
def test_a_timestamp_is_read_exactly_if_it_is_valid(seconds: int, nanos: int) -> None:
    message = Timestamp(seconds=seconds, nanos=nanos)
    instant = instant_of(message)
    assert (instant is not None) == is_valid(message)
    if instant is not None:
        assert is_representable(instant)
        assert is_valid(timestamp_message(instant))


@given(numbers, nanos)
def test_a_duration_is_read_exactly_if_it_is_valid(seconds: int, nanos: int) -> None:
    message = Duration(seconds=seconds, nanos=nanos)
    duration = duration_of(message)
    assert (duration is not None) == is_valid(message)
    if duration is not None and duration >= 0:
        assert is_valid(duration_message(duration))


@pytest.mark.parametrize(("seconds", "nanos"), [(1, -5), (-1, 5), (0, 1_000_000_000), (11, 0), (10, 1), (0, -1)])
def test_an_invalid_wait_is_refused(seconds: int, nanos: int) -> None:
    violations = Violations()
    violations.check_wait("wait", Duration(seconds=seconds, nanos=nanos))
    with pytest.raises(InvalidRequest):
        violations.raise_if_any()


def test_only_one_module_reads_the_parts_of_timestamps_and_durations() -> None:
    readers = {
        path.relative_to(ROOT).as_posix()
        for folder in ("shared", "challenge_service", "event_handler")
        for path in (ROOT / folder).rglob("*.py")
        if re.search(r"\b(ToDatetime|ToTimedelta|ToSeconds|ToMicroseconds|ToMilliseconds)\(", path.read_text("utf-8"))
    }
    assert not readers
