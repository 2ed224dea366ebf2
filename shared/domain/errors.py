"""What a call can end in, in the system's own words.

Each class is one reason that callers can rely on: `reason` is sent in `google.rpc.ErrorInfo`, the message is for
people, `metadata` for programs. `shared.postgres.sqlstates` turns database errors into these, `shared.rpc.statuses`
turns these into status codes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar


class ChallengeError(Exception):
    """Base of everything that a call can end in."""

    reason: ClassVar[str]

    def __init__(self, message: str, /, **metadata: str) -> None:
        super().__init__(message)
        self.message = message
        self.metadata = metadata


@dataclass(frozen=True, slots=True)
class FieldViolation:
    """A request field that is at fault: its path in the request, such as `events[3].user_id`, and why."""

    field: str
    description: str


class InvalidRequest(ChallengeError):
    """The request itself is at fault, whatever the state of the player."""

    reason = "INVALID_REQUEST"

    def __init__(self, violations: Sequence[FieldViolation]) -> None:
        super().__init__("; ".join(f"{violation.field}: {violation.description}" for violation in violations))
        self.violations = tuple(violations)

    @classmethod
    def of(cls, field: str, description: str) -> InvalidRequest:
        """The error for one field."""
        return cls([FieldViolation(field, description)])


class RequestIdReused(ChallengeError):
    """The player used this request id for another claim."""

    reason = "REQUEST_ID_REUSED"


class ChallengeNotFound(ChallengeError):
    """The catalogue has no such challenge."""

    reason = "CHALLENGE_NOT_FOUND"


class GoalNotFound(ChallengeError):
    """The challenge has no such goal."""

    reason = "GOAL_NOT_FOUND"


class OccurrenceNotFound(ChallengeError):
    """The goal has no such period or occurrence."""

    reason = "OCCURRENCE_NOT_FOUND"


class ClaimNotFound(ChallengeError):
    """The player has no such claim."""

    reason = "CLAIM_NOT_FOUND"


class LeaderboardNotFound(ChallengeError):
    """The catalogue has no such leaderboard."""

    reason = "LEADERBOARD_NOT_FOUND"


class LeaderboardPeriodNotFound(ChallengeError):
    """The leaderboard was not there in that period, or the period is still to come."""

    reason = "LEADERBOARD_PERIOD_NOT_FOUND"


class GoalInactive(ChallengeError):
    """The goal is not active for the player."""

    reason = "GOAL_INACTIVE"


class GoalNotCompleted(ChallengeError):
    """The goal's target is not reached."""

    reason = "GOAL_NOT_COMPLETED"


class GoalLocked(ChallengeError):
    """A prerequisite of the goal is not completed."""

    reason = "GOAL_LOCKED"


class AlreadyClaimed(ChallengeError):
    """The reward was claimed before, not by this request."""

    reason = "ALREADY_CLAIMED"


class Overloaded(ChallengeError):
    """There is more to do than the service accepts; come again in `retry_after_s`."""

    reason = "OVERLOADED"

    def __init__(self, message: str, retry_after_s: float = 0.2) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class DatabaseUnavailable(ChallengeError):
    """The database does not answer or does not accept writes; what was under way is unknown."""

    reason = "DATABASE_UNAVAILABLE"

    def __init__(self, message: str = "the database is not available", retry_after_s: float = 1.0) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class CatalogueUnavailable(ChallengeError):
    """No catalogue is in use yet: the one on disk waits for the database, or is refused."""

    reason = "CATALOGUE_UNAVAILABLE"

    def __init__(self, message: str = "no catalogue is in use yet", retry_after_s: float = 1.0) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class RankingUnavailable(ChallengeError):
    """Nothing was ranked here yet: the first ranking is under way."""

    reason = "RANKING_UNAVAILABLE"

    def __init__(self, message: str = "nothing was ranked yet", retry_after_s: float = 2.0) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class ShuttingDown(ChallengeError):
    """This process takes no more work; another one will."""

    reason = "SHUTTING_DOWN"

    def __init__(self, message: str = "the service is shutting down", retry_after_s: float = 0.1) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class DeadlineExceeded(ChallengeError):
    """The caller's deadline passed first; what was under way is unknown."""

    reason = "DEADLINE_EXCEEDED"
