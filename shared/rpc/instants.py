"""Instants and durations as messages."""

from __future__ import annotations

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from shared.domain.instant import SECOND, Instant, Microseconds

# The range of google.protobuf.Timestamp: the years 1 to 9999.
_SECONDS_MIN = -62_135_596_800
_SECONDS_MAX = 253_402_300_799
# The range of google.protobuf.Duration: 10,000 years.
_DURATION_SECONDS_MAX = 315_576_000_000


def instant_of(message: Timestamp) -> Instant | None:
    """Return the instant in microseconds, rounded down; None if the message is not a valid timestamp."""
    seconds, nanos = message.seconds, message.nanos
    if _SECONDS_MIN <= seconds <= _SECONDS_MAX and 0 <= nanos < 1_000_000_000:
        return seconds * SECOND + nanos // 1_000
    return None


def duration_of(message: Duration) -> Microseconds | None:
    """Return the duration in microseconds, rounded towards zero; None if the message is not a valid duration."""
    seconds, nanos = message.seconds, message.nanos
    if abs(seconds) > _DURATION_SECONDS_MAX or abs(nanos) >= 1_000_000_000 or seconds * nanos < 0:
        return None
    return seconds * SECOND + int(nanos / 1_000)


def is_representable(instant: Instant) -> bool:
    """Return whether a valid timestamp can represent the instant."""
    return _SECONDS_MIN <= instant // SECOND <= _SECONDS_MAX


def timestamp_message(instant: Instant) -> Timestamp:
    """Return the instant as a message."""
    seconds, microseconds = divmod(instant, SECOND)
    return Timestamp(seconds=seconds, nanos=microseconds * 1_000)


def duration_message(duration: Microseconds) -> Duration:
    """Return a non-negative duration as a message."""
    seconds, rest = divmod(duration, SECOND)
    return Duration(seconds=seconds, nanos=rest * 1_000)
