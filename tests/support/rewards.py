"""Claims in the outbox, and dispatchers that deliver them to a provider."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from shared.domain.claims import Claim, ClaimState, grant_id
from shared.domain.events import CompletionKey
from shared.domain.grants import FINAL, Granting, Provider, RetryPolicy
from shared.domain.instant import LIFETIME_START, SECOND, Instant
from shared.domain.reward import PRIORITY_DEFAULT, Reward, RewardType
from shared.domain.standings import CompletionRecord
from shared.operations.rewards.destination import Destination
from shared.operations.rewards.dispatch import Dispatcher
from shared.operations.rewards.reward_telemetry import RewardTelemetry
from shared.postgres.connection import Connection
from shared.postgres.database import Database
from shared.postgres.goals import completions
from shared.postgres.rewards import outbox
from shared.runtime.clock import Clock
from shared.runtime.process_name import ProcessName
from shared.runtime.telemetry import Telemetry
from tests.support.databases import connected, soon
from tests.support.waiting import DEADLINE_S, wait_until

PROVIDER = "game"
OWNER = ProcessName()
POLL_S = 0.01
"""A short poll interval, because tests wait for idle dispatchers often."""
IMPATIENT = RetryPolicy(attempts_max=5, first_pause=SECOND // 1_000, longest_pause=SECOND // 1_000)
"""A policy that retries at once, to keep tests fast."""


def store_claim(
    database: Database, user_id: str, now: Instant, *, goal_id: str = "win", priority: int = PRIORITY_DEFAULT
) -> Claim:
    """Complete a goal and store its claim as `ClaimReward` does."""
    key = CompletionKey(user_id, goal_id, LIFETIME_START, 1)

    def store(connection: Connection) -> Claim:
        completions.insert_missing(connection, {key: CompletionRecord(now)})
        lock = completions.lock_unclaimed(connection, key)
        connection.execute_deferred()
        unclaimed = completions.unclaimed(lock)
        assert unclaimed is not None, "the goal is not claimable"
        number = unclaimed.next_claim_number
        reward = Reward(RewardType.WALLET, "GEMS", 10, priority)
        claim = Claim(key, None, ClaimState.PENDING, reward, grant_id(key, number), now, number)
        assert key in outbox.store(connection, [claim], Granting(now, {RewardType.WALLET: PROVIDER}))
        return claim

    return database.transact(store, soon())


def destination(
    provider: Provider,
    *,
    name: str = PROVIDER,
    concurrency: int = 4,
    timeout_s: float = 1.0,
    policy: RetryPolicy = IMPATIENT,
) -> Destination:
    """Return the destination of the claims of `store_claim`."""
    return Destination(
        name=name,
        provider=provider,
        timeout_s=timeout_s,
        concurrency=concurrency,
        policy=policy,
        owner=OWNER,
        poll_s=POLL_S,
        idle_poll_s=POLL_S,
    )


def dispatcher_of(database: Database, to: Destination, clock: Clock) -> Dispatcher:
    """Return a dispatcher; the test runs its passes and closes it."""
    return Dispatcher(database, to, clock, RewardTelemetry(Telemetry()), jitter=lambda: 0.5)


@contextmanager
def dispatching(database: Database, to: Destination, clock: Clock) -> Iterator[Dispatcher]:
    """Yield a dispatcher; the test runs its passes."""
    dispatcher = dispatcher_of(database, to, clock)
    try:
        yield dispatcher
    finally:
        dispatcher.close()


class Stored(NamedTuple):
    """A grant as stored in the outbox."""

    user_id: str
    claim_number: int
    state: ClaimState
    attempts: int
    refusal: str | None
    last_error: str | None


def grants_in_outbox(database_url: str) -> list[Stored]:
    """Return all grants, in key order."""
    with connected(database_url) as connection:
        rows = connection.execute(
            "SELECT user_id, claim_number, state, attempts, refusal, last_error FROM reward_outbox"
            " ORDER BY user_id, goal_id, claim_number"
        ).fetchall()
    return [Stored(user_id, number, ClaimState(state), *rest) for user_id, number, state, *rest in rows]


def states(database_url: str) -> set[ClaimState]:
    """Return the set of states of all grants."""
    return {stored.state for stored in grants_in_outbox(database_url)}


def pass_until(
    dispatchers: Sequence[Dispatcher], condition: Callable[[], object], deadline_s: float = DEADLINE_S
) -> None:
    """Run passes of the dispatchers until the condition is true.

    A condition that another pass can undo belongs into `wait_until`, after the passes that it needs.
    """

    def passed() -> object:
        for dispatcher in dispatchers:
            dispatcher.one_pass()
        return condition()

    wait_until(passed, deadline_s)


def dispatch_all(dispatchers: Sequence[Dispatcher], database_url: str, deadline_s: float = DEADLINE_S) -> None:
    """Run passes of the dispatchers until every grant is settled."""
    pass_until(dispatchers, lambda: states(database_url) <= FINAL, deadline_s)
