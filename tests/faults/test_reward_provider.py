"""A misbehaving game: every reward reaches its player once, and our services are not affected."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby, pairwise
from typing import NamedTuple

import pytest

from devstack.game.fault_plan import FaultPlan
from devstack.game.game import Attempt
from shared.domain.claims import ClaimState
from shared.domain.grants import RetryPolicy
from shared.domain.instant import HOUR, SECOND, Instant
from shared.runtime.clock import system_clock
from tests.support.busy_machine import BUSY_FACTOR
from tests.support.databases import opened
from tests.support.game_servers import OpenGame, open_game, provider_to
from tests.support.rewards import destination, dispatch_all, dispatching, grants_in_outbox, pass_until, store_claim

FASTER = 1_000
"""Seconds of delivery per second of the test, so that pauses of half a minute can be observed without waiting."""
TIMEOUT_S = 0.2
CLAIMS, CLAIMS_SLOW = 10, 40
CONCURRENCY, CONCURRENCY_SLOW = 6, 16
"""More than the consecutive failures that open the breaker."""
POLICY = RetryPolicy(attempts_max=1_000, longest_pause=100 * SECOND, outage=HOUR)
"""No outage reaches this length, so every pause is observed."""

PLANS = {
    "grants and times out": FaultPlan(no_responses=1),
    "90 % errors": FaultPlan(errors=0.9),
    "30 s slow": FaultPlan(delay_s=30),
    "malformed": FaultPlan(garbled_responses=1),
    "all of it": FaultPlan(errors=0.5, no_responses=0.1, garbled_responses=0.2, delay_s=0.01),
}
HOPELESS = {"grants and times out", "30 s slow", "malformed"}
"""Faults with which no grant is ever settled, so the game has to recover first."""


class FastClock:
    """The accelerated clock of delivery."""

    def __init__(self) -> None:
        self._started = system_clock()

    def __call__(self) -> Instant:
        return self._started + FASTER * (system_clock() - self._started)


class Figures(NamedTuple):
    """The attempts seen by the game, and the latency of claims meanwhile."""

    attempts: int
    most_for_one: int
    slowest_claim_s: float
    shortest_of_pause: float
    """The least time between two attempts of a grant, as a share of the pause that was due."""


@pytest.fixture
def game() -> Iterator[OpenGame]:
    with open_game() as running:
        yield running


@pytest.mark.parametrize(
    ("provider", "claims", "concurrency"),
    [
        ("grpc", CLAIMS, CONCURRENCY),
        *(pytest.param(name, CLAIMS_SLOW, CONCURRENCY_SLOW, marks=pytest.mark.slow) for name in ("grpc", "webhook")),
    ],
)
@pytest.mark.parametrize("faults", PLANS)
def test_a_misbehaving_game_gives_every_reward_once(
    database_url: str, game: OpenGame, provider: str, faults: str, claims: int, concurrency: int
) -> None:
    figures = deliver(database_url, game, provider, PLANS[faults], claims, concurrency, recovers=faults in HOPELESS)
    print(  # noqa: T201
        f"\n{faults}, {provider}: {claims} claims, {figures.attempts} attempts, {figures.most_for_one} at most for "
        f"one; a claim took {1e3 * figures.slowest_claim_s:.0f} ms at most on the one connection; "
        f"pauses at least {figures.shortest_of_pause:.2f} of what was due"
    )
    assert {stored.state for stored in grants_in_outbox(database_url)} == {ClaimState.GRANTED}
    assert len(grants_in_outbox(database_url)) == claims
    assert len(game.times_given()) == claims
    assert set(game.times_given().values()) == {1}
    assert figures.attempts >= claims
    assert figures.slowest_claim_s < 1.0 * BUSY_FACTOR
    assert figures.shortest_of_pause >= 1.0


def deliver(
    database_url: str,
    game: OpenGame,
    provider: str,
    faults: FaultPlan,
    claims: int,
    concurrency: int,
    *,
    recovers: bool,
) -> Figures:
    """Claim while the game has these faults, and deliver until all grants are settled, at last to a working game."""
    clock = FastClock()
    took_s = []
    # At least this many attempts are made with the faults: all that start at once, and as many that the breaker allows.
    bad_attempts = 2 * concurrency
    with (
        opened(database_url, pool_size=1) as one_connection,
        provider_to(game, provider, TIMEOUT_S) as connected_provider,
        ThreadPoolExecutor(1) as claimer,
    ):
        to = destination(connected_provider, concurrency=concurrency, timeout_s=FASTER * TIMEOUT_S, policy=POLICY)

        def claim() -> None:
            for number in range(claims):
                started = time.monotonic()
                store_claim(one_connection, f"player {number}", clock())
                took_s.append(time.monotonic() - started)

        game.game.faults = faults
        claiming = claimer.submit(claim)
        with dispatching(one_connection, to, clock) as dispatcher:
            pass_until([dispatcher], lambda: claiming.done() and len(game.game.attempts()) >= bad_attempts, 60)
            if recovers:
                game.game.faults = FaultPlan()
            dispatch_all([dispatcher], database_url, 240)
    attempts = game.game.attempts()
    counts = [len(list(some)) for _, some in by_grant(attempts)]
    return Figures(len(attempts), max(counts), max(took_s), min(shares_of_pauses(attempts), default=1.0))


def shares_of_pauses(attempts: Iterable[Attempt]) -> Iterator[float]:
    """Yield the time between two attempts of a grant, as a share of the pause that was due."""
    for _, some in by_grant(attempts):
        for earlier, later in pairwise(some):
            due_s = POLICY.pause_after(earlier.number, 0.5) / SECOND / FASTER
            yield (later.time - earlier.time) / due_s


def by_grant(attempts: Iterable[Attempt]) -> Iterator[tuple[str, Iterator[Attempt]]]:
    """Yield the attempts of each grant in order."""
    return groupby(sorted(attempts, key=lambda attempt: (attempt.grant_id, attempt.number)), lambda one: one.grant_id)
