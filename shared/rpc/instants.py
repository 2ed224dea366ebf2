"""Instants, durations and periods as messages. Current periods are encoded once for all players."""

from __future__ import annotations

from collections.abc import Mapping

from challenge.v1 import challenge_pb2, challenge_service_pb2
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from shared.domain.catalogue import Catalogue
from shared.domain.instant import SECOND, Instant, Microseconds, Period
from shared.domain.rotation import claim_end
from shared.domain.schedules import LIFETIME, Schedule
from shared.rpc.wire import nested_tag, varint

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


_RESPONSES = (
    challenge_service_pb2.InitializePlayerResponse,
    challenge_service_pb2.ListChallengesResponse,
    challenge_service_pb2.GetChallengeResponse,
    challenge_service_pb2.SetGoalActiveResponse,
)
PERIODS_CACHED_MAX = 1_024
"""Maximum number of different sets of current periods whose encoding is kept; zones of players make them different."""
_TAGS = {response: nested_tag(response.DESCRIPTOR, "periods") for response in _RESPONSES}


def schedule_id(schedule: Schedule) -> str:
    """Return the id by which players know a schedule; empty for the lifetime."""
    # Schedules that no catalogue has named are known by their texts.
    return schedule.id or ("" if schedule == LIFETIME else schedule.text)


def season_id(schedule: Schedule) -> str:
    """Return the id of the schedule's season; empty if it has none."""
    return "" if schedule.season is None else schedule.season.id


def period_message(schedule: Schedule, period: Period) -> challenge_pb2.Period:
    """Return a period as a message."""
    until = claim_end(schedule, period)
    return challenge_pb2.Period(
        schedule_id=schedule_id(schedule),
        start_time=timestamp_message(period.start),
        end_time=None if period.end is None else timestamp_message(period.end),
        claim_end_time=None if until is None else timestamp_message(until),
        season_id=season_id(schedule),
    )


class EncodedPeriods:
    """The periods of a catalogue's schedules as fields of the responses that carry them."""

    def __init__(self, catalogue: Catalogue) -> None:
        schedules = {schedule_id(goal.schedule): goal.schedule for goal in catalogue.goals.values()}
        schedules.pop("", None)
        self._schedules = [schedules[found] for found in sorted(schedules)]
        self._known: dict[int, tuple[Mapping[str, Period], dict[type, bytes]]] = {}

    def field(self, response: type, periods: Mapping[str, Period]) -> bytes:
        """Return these periods, by schedule text, as a field of a response."""
        if not periods:
            return b""
        known = self._known.get(id(periods))
        if known is None:
            if len(self._known) >= PERIODS_CACHED_MAX:
                self._known.clear()
            # Players with the same zones share the periods, so the same object comes until the next boundary. It is
            # kept, so that no other object gets its id.
            known = self._known[id(periods)] = periods, self._encode(periods)
        return known[1][response]

    def _encode(self, periods: Mapping[str, Period]) -> dict[type, bytes]:
        messages = [
            period_message(schedule, periods[schedule.text]).SerializeToString()
            for schedule in self._schedules
            if schedule.text in periods
        ]
        return {
            response: b"".join(tag + varint(len(message)) + message for message in messages)
            for response, tag in _TAGS.items()
        }
