"""The errors that a call can end in.

Each concrete class is one reason that callers can rely on: `reason` is sent in `google.rpc.ErrorInfo` and is a value of
the contract's `ErrorReason`, the message is for people, and `metadata` is for programs. `shared.postgres.sqlstates`
translates database errors to these, and `shared.rpc.statuses` translates these to gRPC status codes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar


class ChallengeError(Exception):
    """Base of all errors that a call can end in."""

    reason: ClassVar[str]

    def __init__(self, message: str, /, **metadata: str) -> None:
        super().__init__(message)
        self.message = message
        self.metadata = metadata


class RetryableError(ChallengeError):
    """Base of errors that the same call may not meet again after a delay."""

    default_message: ClassVar[str]
    default_retry_after_s: ClassVar[float]

    def __init__(self, message: str | None = None, *, retry_after_s: float | None = None) -> None:
        super().__init__(self.default_message if message is None else message)
        self.retry_after_s = self.default_retry_after_s if retry_after_s is None else retry_after_s


@dataclass(frozen=True, slots=True)
class FieldViolation:
    """An invalid request field: its path in the request, such as `events[3].user_id`, and the problem."""

    field: str
    description: str


class InvalidRequest(ChallengeError):
    """The request is invalid, whatever the state of the player."""

    reason = "INVALID_REQUEST"

    def __init__(self, violations: Sequence[FieldViolation]) -> None:
        super().__init__("; ".join(f"{violation.field}: {violation.description}" for violation in violations))
        self.violations = tuple(violations)

    @classmethod
    def of(cls, field: str, description: str) -> InvalidRequest:
        """Return the error for one field."""
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
    """The leaderboard did not exist in that period, or the period has not begun."""

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


class SelectedByPool(ChallengeError):
    """The challenge is a pool, which chooses the player's goals."""

    reason = "SELECTED_BY_POOL"


class NotAPool(ChallengeError):
    """The challenge is not a pool, so the player chooses its goals."""

    reason = "NOT_A_POOL"


class RerollsSpent(ChallengeError):
    """The player has replaced as many goals in this period as the pool allows."""

    reason = "REROLLS_SPENT"


class GoalCompleted(ChallengeError):
    """The goal is completed already."""

    reason = "GOAL_COMPLETED"


class NothingToDraw(ChallengeError):
    """The player has all other goals of the pool, or has reached their targets."""

    reason = "NOTHING_TO_DRAW"


class ActivationLimitReached(ChallengeError):
    """The player has as many goals of the challenge active as it allows."""

    reason = "LIMIT_REACHED"


class OnCooldown(ChallengeError):
    """The goal was deactivated a short time ago."""

    reason = "COOLDOWN"


class ActivationLocked(ChallengeError):
    """The goal cannot be activated until others are completed."""

    reason = "ACTIVATION_LOCKED"


class ClaimEnded(ChallengeError):
    """Rewards of the period can no longer be claimed."""

    reason = "CLAIM_ENDED"


class AlreadyClaimed(ChallengeError):
    """The reward was claimed before, by another request."""

    reason = "ALREADY_CLAIMED"


class AttributeMissing(ChallengeError):
    """Every unclaimed reward of the goal requires an attribute that the player does not have."""

    reason = "ATTRIBUTE_MISSING"


class AttributeUnknown(ChallengeError):
    """No reward of the catalogue requires the attribute."""

    reason = "ATTRIBUTE_UNKNOWN"


class Overloaded(RetryableError):
    """The service has more to do than it accepts."""

    reason = "OVERLOADED"
    default_message = "the service is overloaded"
    default_retry_after_s = 0.2


class DatabaseUnavailable(RetryableError):
    """The database does not respond or does not accept writes; the outcome of the call is unknown."""

    reason = "DATABASE_UNAVAILABLE"
    default_message = "the database is not available"
    default_retry_after_s = 1.0


class ClocksDiffer(RetryableError):
    """An event's time is acceptable by only one of the clocks of the service and its database, or not judged yet."""

    reason = "CLOCKS_DIFFER"
    default_message = "the time of an event cannot be judged: the clocks of the service and its database differ"
    default_retry_after_s = 2.0


class CatalogueUnavailable(RetryableError):
    """No catalogue is in use yet: the one on disk waits for the database, or was refused."""

    reason = "CATALOGUE_UNAVAILABLE"
    default_message = "no catalogue is in use yet"
    default_retry_after_s = 1.0


class RankingUnavailable(RetryableError):
    """The leaderboard has no ranking yet: the first one is being computed."""

    reason = "RANKING_UNAVAILABLE"
    default_message = "nothing was ranked yet"
    default_retry_after_s = 2.0


class ShuttingDown(RetryableError):
    """The process takes no more work; another process will."""

    reason = "SHUTTING_DOWN"
    default_message = "the service is shutting down"
    default_retry_after_s = 0.1


class RequestTimedOut(ChallengeError):
    """The caller sent a call without its request for too long; nothing was done."""

    reason = "REQUEST_TIMED_OUT"


class DeadlineExceeded(ChallengeError):
    """The caller's deadline passed first; the outcome of the call is unknown."""

    reason = "DEADLINE_EXCEEDED"
