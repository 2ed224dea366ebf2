"""Dispatchers that die count against no grant that they had not begun to deliver."""

from __future__ import annotations

import threading

import pytest

from shared.domain.claims import ClaimState
from shared.domain.grants import FINAL, Delivery, Reply, RetryPolicy, TryAgain
from shared.domain.instant import HOUR, SECOND
from shared.operations.rewards.dispatch import Dispatcher
from shared.operations.rewards.reconcile import reconcile
from shared.operations.rewards.reward_telemetry import RewardTelemetry
from shared.postgres.database import Database
from shared.postgres.rewards import delivery_queue
from shared.postgres.rewards.delivery_queue import Lease
from shared.runtime.telemetry import Telemetry
from tests.support.databases import connected, soon
from tests.support.game_provider import GameProvider
from tests.support.rewards import (
    PROVIDER,
    destination,
    dispatch_all,
    dispatcher_of,
    dispatching,
    grants_in_outbox,
    pass_until,
    states,
    store_claim,
)
from tests.support.services import NOW, ManualClock

POLICY = RetryPolicy(attempts_max=10)
LEASE = 7 * SECOND
"""The duration of a lease of the dispatchers below."""
TELEMETRY = RewardTelemetry(Telemetry())


def take_over(database: Database, provider: GameProvider, clock: ManualClock) -> None:
    """Take over the grants of a dispatcher that has died, once its leases have ended."""
    clock.now += LEASE
    assert reconcile(database, destination(provider, policy=POLICY), clock, TELEMETRY, jitter=lambda: 0.5)


def die_before_deliveries(database: Database, provider: GameProvider, clock: ManualClock, times: int) -> None:
    """Lease what is due for dispatchers that die, one after another, before they begin any delivery."""
    for _ in range(times):
        lease = Lease(PROVIDER, "a dispatcher that dies", clock.now + LEASE)
        leased = database.autocommit(
            lambda connection: delivery_queue.lease_due(connection, lease, 100, clock.now),  # noqa: B023 - at once
            soon(),
        )
        assert leased
        take_over(database, provider, clock)


@pytest.mark.parametrize("deaths", [0, 1, 6, 20])
def test_the_pause_after_a_failure_does_not_depend_on_dispatchers_that_died_before(
    database: Database, database_url: str, deaths: int
) -> None:
    clock, provider = ManualClock(), GameProvider(lambda _: TryAgain("away"))
    store_claim(database, "player", NOW)
    die_before_deliveries(database, provider, clock, deaths)
    with dispatching(database, destination(provider, policy=POLICY), clock) as dispatcher:
        pass_until([dispatcher], lambda: grants_in_outbox(database_url)[0].last_error == "away")
    with connected(database_url) as connection:
        ((due_time,),) = connection.execute("SELECT microseconds(due_time) FROM reward_outbox").fetchall()
    assert due_time - clock.now == POLICY.pause_after(1, 0.5)


def test_a_grant_is_not_buried_by_dispatchers_that_die_before_they_deliver_it(
    database: Database, database_url: str
) -> None:
    clock, provider = ManualClock(), GameProvider()
    store_claim(database, "player", NOW)
    die_before_deliveries(database, provider, clock, 3 * POLICY.attempts_max)
    [stored] = grants_in_outbox(database_url)
    # The first time may have been an attempt: nothing is stored before the first call to a provider.
    assert (stored.state, stored.attempts) == (ClaimState.PENDING, 1)
    with dispatching(database, destination(provider, policy=POLICY), clock) as dispatcher:
        dispatch_all([dispatcher], database_url)
    assert [delivery.attempt for delivery in provider.asked] == [2]
    [stored] = grants_in_outbox(database_url)
    assert (stored.state, stored.attempts) == (ClaimState.GRANTED, 2)


def test_a_release_after_a_lost_attempt_takes_back_no_other_attempt(database: Database, database_url: str) -> None:
    clock, provider = ManualClock(), GameProvider()

    def slow_once(_: Delivery) -> None:
        provider.behaviour = lambda _: None
        clock.now += HOUR

    for number in range(4):
        store_claim(database, f"player {number}", NOW)
    die_before_deliveries(database, provider, clock, 1)
    provider.behaviour = slow_once
    with dispatching(database, destination(provider, concurrency=1), clock) as dispatcher:
        # The others are leased with the first, and wait so long that they are released.
        dispatch_all([dispatcher], database_url)
    assert [delivery.attempt for delivery in provider.asked] == [2, 2, 2, 2]
    assert [stored.attempts for stored in grants_in_outbox(database_url)] == [2, 2, 2, 2]


def test_nothing_is_begun_under_a_lease_that_was_lost(database: Database, database_url: str) -> None:
    clock, provider = ManualClock(), GameProvider()
    store_claim(database, "player", NOW)
    die_before_deliveries(database, provider, clock, 1)
    lease = Lease(PROVIDER, "a dispatcher that is slow", clock.now + LEASE)
    [delivery] = database.autocommit(
        lambda connection: delivery_queue.lease_due(connection, lease, 1, clock.now), soon()
    )
    take_over(database, provider, clock)
    assert not database.autocommit(lambda connection: delivery_queue.begin(connection, delivery), soon())
    assert [stored.attempts for stored in grants_in_outbox(database_url)] == [1]


def test_only_the_grant_that_kills_its_dispatchers_is_buried(database: Database, database_url: str) -> None:
    clock, over = ManualClock(), threading.Event()
    poisoned: list[int] = []

    def kill(delivery: Delivery) -> Reply | None:
        if delivery.key.user_id == "the poison":
            poisoned.append(delivery.attempt)
            assert over.wait(60)
        return None

    provider = GameProvider(kill)
    store_claim(database, "the poison", NOW - SECOND)
    for number in range(6):
        store_claim(database, f"player {number}", NOW)
    dead: list[Dispatcher] = []
    try:
        while (stored := {each.user_id: each for each in grants_in_outbox(database_url)})[
            "the poison"
        ].state not in FINAL:
            # One thread: neighbours of the poison are leased beside it and wait behind it.
            dispatcher = dispatcher_of(database, destination(provider, policy=POLICY, concurrency=1), clock)
            dead.append(dispatcher)
            lives = len(dead)
            pass_until([dispatcher], lambda: len(poisoned) == lives or later(clock, database_url))  # noqa: B023 - at once
            take_over(database, provider, clock)
    finally:
        over.set()
        for dispatcher in dead:
            dispatcher.close()
    assert poisoned == list(range(1, POLICY.attempts_max + 1))
    poison = stored.pop("the poison")
    assert (poison.state, poison.attempts) == (ClaimState.DEAD, POLICY.attempts_max)
    assert {(each.state, each.attempts <= 2) for each in stored.values()} == {(ClaimState.GRANTED, True)}


def later(clock: ManualClock, database_url: str) -> bool:
    """Let some time pass unless something is leased, so that pauses end and leases do not; return False."""
    if ClaimState.DELIVERING not in states(database_url):
        clock.now += SECOND
    return False
