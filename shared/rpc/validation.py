"""Validation of requests; all problems of a request are reported together."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from shared.domain.acceptance import id_problem
from shared.domain.errors import FieldViolation, InvalidRequest
from shared.domain.instant import SECOND, Instant
from shared.domain.time_zones import zone_names
from shared.rpc.instants import duration_of, instant_of

TIME_ZONE_LENGTH_MAX = 64
CHALLENGE_IDS_MAX = 1_000
PAGE_SIZE_MAX = 1_000
WAIT_MAX_S = 10
SELECTED_MAX = 100
"""Maximum number of goals that one call selects."""
STATES_MAX = 16


class Violations:
    """A collection of the invalid fields of a request."""

    def __init__(self) -> None:
        self._found: list[FieldViolation] = []

    def add(self, field: str, description: str) -> None:
        """Add an invalid field."""
        self._found.append(FieldViolation(field, description))

    def check_id(self, field: str, text: str) -> None:
        """Check a required id."""
        problem = id_problem(text)
        if problem is not None:
            self.add(field, problem)

    def check_optional_id(self, field: str, text: str) -> None:
        """Check an id that may be empty."""
        if text:
            self.check_id(field, text)

    def check_ids(self, field: str, texts: Iterable[str]) -> None:
        """Check the ids in a repeated field."""
        for index, text in enumerate(texts):
            self.check_id(f"{field}[{index}]", text)

    def check_time_zone(self, field: str, name: str) -> None:
        """Check an IANA time zone that may be empty."""
        if name and (len(name) > TIME_ZONE_LENGTH_MAX or name not in zone_names()):
            self.add(field, "is not an IANA time zone")

    def check_uuid(self, field: str, text: str) -> UUID | None:
        """Return a UUID given in its canonical form of 36 characters in lower case; None if it is not one."""
        try:
            found = UUID(text)
        except ValueError:
            found = None
        if found is None or str(found) != text:
            self.add(field, "is not a UUID")
            return None
        return found

    def check_wait(self, field: str, wait: Duration) -> float:
        """Return the time that a call asks to wait, in seconds."""
        duration = duration_of(wait)
        if duration is None:
            self.add(field, "is not a valid duration")
        elif not 0 <= duration <= WAIT_MAX_S * SECOND or wait.nanos < 0 or (wait.seconds == WAIT_MAX_S and wait.nanos):
            self.add(field, f"is not between 0 and {WAIT_MAX_S} seconds")
        return (duration or 0) / SECOND

    def check_instant(self, field: str, message: Timestamp) -> Instant | None:
        """Return the instant; None if it is not a valid timestamp."""
        instant = instant_of(message)
        if instant is None:
            self.add(field, "is not a valid timestamp")
        return instant

    def check_range(self, field: str, number: int, low: int, high: int) -> None:
        """Check that a number is between two bounds, both included."""
        if not low <= number <= high:
            self.add(field, f"is not between {low} and {high:,}")

    def raise_if_any(self) -> None:
        """Raise `InvalidRequest` with all problems, if there are any."""
        if self._found:
            raise InvalidRequest(self._found)
