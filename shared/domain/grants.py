"""Grants: a claimed reward on its way to the player.

    PENDING ── lease ──▶ DELIVERING ──▶ GRANTED
       ▲                     │ ├──────▶ REFUSED   a definite no; the goal is claimable again or not, by the reason
       └──── tried again ────┘ └──────▶ DEAD      all attempts are spent

Delivery is at least once, under one idempotency key for all attempts of a grant; the provider makes it exactly once.
So an attempt whose outcome is unknown may simply be sent again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple, Protocol, TypeAlias

from shared.domain.catalogue import Catalogue
from shared.domain.claims import CLAIMABLE_AGAIN, ClaimState, RefusalReason
from shared.domain.events import CompletionKey
from shared.domain.instant import HOUR, SECOND, Instant, Microseconds
from shared.domain.reward import Reward, RewardType

RETRY_AFTER_MAX = HOUR
"""Longest pause that a provider can ask for, in microseconds."""
LOST_AT_ONCE_MAX = 5
"""Lost attempts after which a grant keeps its place in the queue. Any dispatcher that is killed loses some. Beyond them
the grant may be the one that kills its dispatchers, and pauses let other grants be delivered in between."""
ERROR_LENGTH_MAX = 500
"""Characters of a provider's error that are stored for operators."""

FINAL = frozenset({ClaimState.GRANTED, ClaimState.REFUSED, ClaimState.DEAD, ClaimState.REFUNDED})
"""States that only an operator can leave."""


Routes: TypeAlias = Mapping[RewardType, str]
"""The name of the provider that delivers each reward type."""
NO_PROVIDER = "none"
"""Route of reward types without a provider: their grants stay PENDING until an operator assigns one."""
NO_ROUTES: Routes = {}


def unrouted(catalogue: Catalogue, routes: Routes) -> list[RewardType]:
    """Return the types of rewards that are claimed automatically and have no provider."""
    types = {reward.type for goal in catalogue.auto_claimed.values() for reward in goal.all_rewards}
    return sorted(each for each in types if routes.get(each, NO_PROVIDER) == NO_PROVIDER)


class Granting(NamedTuple):
    """When grants are due, and who delivers them."""

    claim_time: Instant
    """The time of claims, by the clock that all dispatchers share."""
    routes: Routes = NO_ROUTES


class Delivery(NamedTuple):
    """A grant leased for one delivery attempt."""

    grant_id: str
    """The idempotency key."""
    key: CompletionKey
    claim_number: int
    reward: Reward
    claim_time: Instant
    attempt: int
    """From 1."""
    failures: int
    """Number of earlier attempts that the provider is known to have failed."""
    lease_token: int
    """Fencing token: the outcome is recorded only under the current lease's token."""
    lease_until: Instant
    reward_number: int = 1

    @property
    def was_lost(self) -> bool:
        """True if an earlier attempt was lost with its dispatcher: then this one counts when it begins.

        Others count from their leases on, in the same statement: they may have been begun when their dispatcher dies.
        """
        return self.attempt - 1 > self.failures


@dataclass(frozen=True, slots=True)
class Granted:
    """The player has the reward, from this attempt or an earlier one."""


class Refused(NamedTuple):
    """The provider will never deliver it."""

    reason: RefusalReason


class TryAgain(NamedTuple):
    """The attempt failed, or its outcome is unknown."""

    error: str
    retry_after: Microseconds = 0
    """Pause the provider asks for, in microseconds."""


class Undetermined(NamedTuple):
    """The outcome of the attempt is unknown because its dispatcher is gone; not the provider's fault."""

    error: str


Reply: TypeAlias = Granted | Refused | TryAgain | Undetermined
"""The outcome of an attempt."""


class Provider(Protocol):
    """Delivers rewards to players, for example the game's inventory or wallet."""

    def grant(self, delivery: Delivery) -> Reply:
        """Deliver within the provider's own timeout. Never raise: a failure is a reply.

        Called from several threads, possibly more than once for one grant: the reward of a `grant_id` is given once.
        """

    def find(self, delivery: Delivery) -> Reply | None:
        """Return the outcome of an earlier attempt, or None if the provider cannot tell or does not know the grant."""

    def close(self) -> None:
        """Close connections."""


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Number of delivery attempts and pauses between them."""

    attempts_max: int = 40
    """Attempts before a grant is dead. With the pauses below, whatever the jitter, they span more than an hour, so an
    outage of an hour buries nothing, with dispatchers that die or without."""
    first_pause: Microseconds = SECOND
    longest_pause: Microseconds = 300 * SECOND
    outage: Microseconds = 30 * SECOND
    """A provider whose every delivery failed for this long was down. When it is back, grants that failed meanwhile are
    due at once instead of after their pauses."""

    def pause_after(self, failures: int, jitter: float) -> Microseconds:
        """Return the pause after this number of failures, at least one, in microseconds.

        It doubles with each failure. `jitter`, 0 to 1, scales it from half to one and a half, so that grants that
        failed together are not retried together.
        """
        doubled = self.first_pause << min(failures - 1, 40)
        return int(min(doubled, self.longest_pause) * (0.5 + jitter))


class Settlement(NamedTuple):
    """The new state of a grant after an attempt."""

    state: ClaimState
    due_time: Instant | None = None
    """When the next attempt may begin, for `PENDING`; None keeps the due time, and with it the place in the queue."""
    refusal: RefusalReason | None = None
    error: str | None = None
    failed: bool = False
    """True if the provider is known to have failed the attempt."""

    @property
    def claimable_again(self) -> bool:
        """True if the goal's reward can be claimed again, as a new grant."""
        return self.refusal in CLAIMABLE_AGAIN


def _printable(error: str) -> str:
    """Return the provider's error as text that can be stored: otherwise the outcome could not be recorded."""
    text = error[:ERROR_LENGTH_MAX].encode("utf-8", "replace").decode()
    return "".join(character if character.isprintable() else " " for character in text)


def settle(attempts: int, failures: int, reply: Reply, policy: RetryPolicy, jitter: float, now: Instant) -> Settlement:
    """Return the new state of a grant after its latest attempt.

    `attempts` includes that one; `failures` are the earlier ones that the provider is known to have failed. Others were
    lost with their dispatchers, and up to `LOST_AT_ONCE_MAX` of them do not count for pauses.
    """
    match reply:
        case Granted():
            return Settlement(ClaimState.GRANTED)
        case Refused(reason):
            return Settlement(ClaimState.REFUSED, refusal=reason)
    error = _printable(reply.error)
    failed = isinstance(reply, TryAgain)
    if attempts >= policy.attempts_max:
        return Settlement(ClaimState.DEAD, error=error, failed=failed)
    lost = attempts - failures - failed
    paused_for = attempts - min(lost, LOST_AT_ONCE_MAX)
    if isinstance(reply, TryAgain):
        pause = max(policy.pause_after(paused_for, jitter), min(reply.retry_after, RETRY_AFTER_MAX))
    elif lost > LOST_AT_ONCE_MAX:
        pause = policy.pause_after(paused_for, jitter)
    else:
        # It keeps its place in the queue: it was already due when it was leased.
        return Settlement(ClaimState.PENDING, error=error)
    return Settlement(ClaimState.PENDING, due_time=now + pause, error=error, failed=failed)
