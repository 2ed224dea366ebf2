"""Grants: a claimed reward on its way to the player.

    PENDING ── lease ──▶ DELIVERING ──▶ GRANTED
       ▲                     │ ├──────▶ REFUSED   a definite no; the goal is claimable again or not, by the reason
       └──── tried again ────┘ └──────▶ DEAD      all attempts are spent

Delivery is at least once, under one idempotency key for all attempts of a grant; the provider makes it exactly once. So
whatever is not known to have failed for good may be sent again, and nothing else needs to be known about an attempt.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple, Protocol, TypeAlias

from shared.domain.catalogue import Reward, RewardType
from shared.domain.claims import CLAIMABLE_AGAIN, ClaimState, RefusalReason
from shared.domain.events import CompletionKey
from shared.domain.instant import HOUR, SECOND, Instant

RETRY_AFTER_MAX = HOUR
"""A provider that asks for more patience than this is asked again all the same."""
ERROR_LENGTH_MAX = 500
"""Characters of an error that are kept for operators."""

FINAL = frozenset({ClaimState.GRANTED, ClaimState.REFUSED, ClaimState.DEAD, ClaimState.REFUNDED})
"""States that only an operator can change."""


Routes: TypeAlias = Mapping[RewardType, str]
"""Which provider delivers rewards of each type, by its name."""
NO_PROVIDER = "none"
"""What waits for nobody: grants of a reward type without a provider stay PENDING until an operator gives them one."""
NO_ROUTES: Routes = {}


class Delivery(NamedTuple):
    """A grant that is leased for one attempt."""

    grant_id: str
    """The idempotency key."""
    key: CompletionKey
    claim_number: int
    reward: Reward
    claim_time: Instant
    attempt: int
    """From 1."""
    lease_token: int
    """Under which the outcome is recorded; a later lease has another one."""
    lease_until: Instant


@dataclass(frozen=True, slots=True)
class Granted:
    """The player has the reward, by this attempt or by an earlier one."""


class Refused(NamedTuple):
    """A definite no."""

    reason: RefusalReason


class TryAgain(NamedTuple):
    """It failed, or nobody knows whether it did."""

    error: str
    retry_after: Instant = 0
    """How long the provider asks to be left alone, in microseconds."""


class Undetermined(NamedTuple):
    """Nobody knows what became of the attempt, because its dispatcher is gone: that is no fault of the provider's."""

    error: str


Answer: TypeAlias = Granted | Refused | TryAgain | Undetermined
"""What became of an attempt."""


class Provider(Protocol):
    """Brings rewards to players: the game's inventory, its wallet."""

    def grant(self, delivery: Delivery) -> Answer:
        """Deliver, within the provider's own timeout. Never raises: a failure is an answer.

        Called from several threads, for one grant perhaps more than once: the reward of one `grant_id` is given once.
        """

    def find(self, delivery: Delivery) -> Answer | None:
        """What became of an earlier attempt; None if the provider cannot say, or has never heard of it."""

    def close(self) -> None:
        """Give up connections."""


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How patient deliveries are."""

    attempts_max: int = 40
    """With the pauses below, however they are spread, more than an hour: an outage of that length buries nothing."""
    first_pause: Instant = SECOND
    longest_pause: Instant = 300 * SECOND
    outage: Instant = 30 * SECOND
    """A provider from which nothing but failures came for so long was away, whatever was asked of it: when it is back,
    what has failed meanwhile does not wait for the end of its pauses."""

    def pause_after(self, attempts: int, jitter: float) -> Instant:
        """How long to wait after so many attempts, in microseconds.

        Doubles from attempt to attempt. `jitter`, 0 to 1, spreads it from half to one and a half, so that what failed
        together does not come back together.
        """
        doubled = self.first_pause << min(attempts - 1, 40)
        return int(min(doubled, self.longest_pause) * (0.5 + jitter))


class Settlement(NamedTuple):
    """What is to be stored of an attempt's outcome."""

    state: ClaimState
    due_time: Instant | None = None
    """With `PENDING`: when the next attempt may begin. None: at once, in the place that it had."""
    refusal: RefusalReason | None = None
    error: str | None = None

    @property
    def claimable_again(self) -> bool:
        """Whether the goal's reward can be claimed once more, as a grant of its own."""
        return self.refusal in CLAIMABLE_AGAIN


def _printable(error: str) -> str:
    """What a provider said as a text that can be stored, whatever it sent: else its outcome could not be recorded."""
    text = error[:ERROR_LENGTH_MAX].encode("utf-8", "replace").decode()
    return "".join(character if character.isprintable() else " " for character in text)


def settle(attempts: int, answer: Answer, policy: RetryPolicy, jitter: float, now: Instant) -> Settlement:
    """What follows from the answer to a grant's latest attempt; `attempts` counts that one."""
    match answer:
        case Granted():
            return Settlement(ClaimState.GRANTED)
        case Refused(reason):
            return Settlement(ClaimState.REFUSED, refusal=reason)
    error = _printable(answer.error)
    if attempts >= policy.attempts_max:
        return Settlement(ClaimState.DEAD, error=error)
    if isinstance(answer, Undetermined):
        # It keeps its place: it is due since it was leased.
        return Settlement(ClaimState.PENDING, error=error)
    pause = max(policy.pause_after(attempts, jitter), min(answer.retry_after, RETRY_AFTER_MAX))
    return Settlement(ClaimState.PENDING, due_time=now + pause, error=error)
