"""Grants reach their provider once, in order, and despite failures."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import replace

import pytest

from shared.domain.claims import CLAIMABLE_AGAIN, ClaimState, RefusalReason
from shared.domain.grants import NO_PROVIDER, Delivery, Refused, Reply, RetryPolicy, TryAgain
from shared.domain.instant import HOUR, SECOND
from shared.operations.rewards.delivery_threads import DeliveryThreads
from shared.operations.rewards.reconcile import reconcile
from shared.operations.rewards.reward_telemetry import RewardTelemetry
from shared.postgres.database import Database
from shared.postgres.rewards import delivery_queue
from shared.postgres.rewards.delivery_queue import Lease
from shared.runtime.telemetry import Telemetry
from tests.support.databases import connected, opened, soon
from tests.support.game_provider import GameProvider
from tests.support.rewards import (
    OWNER,
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
from tests.support.unstalled_clock import unstalled_s
from tests.support.waiting import wait_until


def test_a_claim_reaches_its_provider_and_is_granted(database: Database, database_url: str) -> None:
    provider = GameProvider()
    claim = store_claim(database, "player", NOW)
    with dispatching(database, destination(provider), ManualClock()) as dispatcher:
        dispatch_all([dispatcher], database_url)
    [delivery] = provider.asked
    assert (delivery.grant_id, delivery.key, delivery.reward) == (claim.grant_id, claim.key, claim.reward)
    assert (delivery.claim_time, delivery.attempt) == (NOW, 1)
    [stored] = grants_in_outbox(database_url)
    assert (stored.state, stored.attempts) == (ClaimState.GRANTED, 1)


def test_grants_are_delivered_by_priority_and_then_by_age(database: Database) -> None:
    provider = GameProvider()
    for number, (priority, age) in enumerate([(5, 1), (9, 9), (1, 2), (5, 3), (1, 4), (9, 5)]):
        store_claim(database, f"{priority} {age} {number}", NOW - age * SECOND, priority=priority)
    with dispatching(database, destination(provider, concurrency=1), ManualClock()) as dispatcher:
        pass_until([dispatcher], lambda: len(provider.ledger) == 6)
    order = [delivery.key.user_id[:3] for delivery in provider.asked]
    assert order == ["1 4", "1 2", "5 3", "5 1", "9 9", "9 5"]


def test_several_dispatchers_share_the_work_without_double_delivery(database: Database, database_url: str) -> None:
    provider = GameProvider()
    for number in range(200):
        store_claim(database, f"player {number}", NOW)
    to = destination(provider)
    with dispatching(database, to, ManualClock()) as one, dispatching(database, to, ManualClock()) as other:
        dispatch_all([one, other], database_url)
    assert len(provider.asked) == len(provider.ledger) == 200
    assert provider.most_under_way <= 2 * to.concurrency


def test_grants_of_another_provider_are_not_leased(database: Database, database_url: str) -> None:
    store_claim(database, "player", NOW)
    with connected(database_url) as connection:
        connection.execute("UPDATE reward_outbox SET provider = $1", [NO_PROVIDER])
    provider = GameProvider()
    with dispatching(database, destination(provider), ManualClock()) as dispatcher:
        for _ in range(3):
            dispatcher.one_pass()
    assert provider.asked == []
    assert states(database_url) == {ClaimState.PENDING}


def test_a_failed_grant_is_retried_when_due_and_no_earlier(database: Database, database_url: str) -> None:
    clock, provider = ManualClock(), GameProvider(lambda _: TryAgain("out of gems"))
    policy = RetryPolicy(attempts_max=3, first_pause=10 * SECOND, longest_pause=HOUR)
    store_claim(database, "player", NOW)
    with dispatching(database, destination(provider, policy=policy), clock) as dispatcher:
        for attempts, pause in ((1, 10), (2, 20)):
            pass_until([dispatcher], lambda: states(database_url) == {ClaimState.PENDING})
            clock.now += pause * SECOND - 1
            for _ in range(3):
                dispatcher.one_pass()
            assert len(provider.asked) == attempts
            clock.now += 1
            pass_until([dispatcher], lambda: len(provider.asked) > attempts)  # noqa: B023 - at once
        dispatch_all([dispatcher], database_url)
    [stored] = grants_in_outbox(database_url)
    assert (stored.state, stored.attempts, stored.last_error) == (ClaimState.DEAD, 3, "out of gems")


@pytest.mark.parametrize("reason", RefusalReason)
def test_the_reason_of_a_refusal_decides_whether_the_goal_is_claimable_again(
    database: Database, database_url: str, reason: RefusalReason
) -> None:
    clock = ManualClock()
    provider = GameProvider(lambda delivery: Refused(reason) if delivery.claim_number == 1 else None)
    first = store_claim(database, "player", NOW)
    with dispatching(database, destination(provider), clock) as dispatcher:
        dispatch_all([dispatcher], database_url)
        [stored] = grants_in_outbox(database_url)
        assert (stored.state, stored.refusal) == (ClaimState.REFUSED, reason)
        if reason not in CLAIMABLE_AGAIN:
            with pytest.raises(AssertionError, match="not claimable"):
                store_claim(database, "player", NOW)
            return
        second = store_claim(database, "player", NOW + SECOND)
        clock.now += SECOND
        dispatch_all([dispatcher], database_url)
    assert (second.claim_number, second.grant_id != first.grant_id) == (2, True)
    assert set(provider.ledger) == {second.grant_id}
    assert [stored.state for stored in grants_in_outbox(database_url)] == [ClaimState.REFUSED, ClaimState.GRANTED]


def test_no_connection_is_held_during_a_call_to_a_provider(database_url: str) -> None:
    let_go = threading.Event()

    def hang(_: Delivery) -> None:
        assert let_go.wait(60)

    provider = GameProvider(hang)
    with opened(database_url, pool_size=1) as one_connection:
        store_claim(one_connection, "player", NOW)
        with dispatching(one_connection, destination(provider), ManualClock()) as dispatcher:
            pass_until([dispatcher], lambda: provider.under_way)
            started = unstalled_s()
            store_claim(one_connection, "other", NOW)
            assert unstalled_s() - started < 5
            let_go.set()
            dispatch_all([dispatcher], database_url)
    assert len(provider.ledger) == 2


def test_a_grant_that_waited_too_long_for_a_thread_is_released_without_an_attempt(
    database: Database, database_url: str
) -> None:
    clock, provider = ManualClock(), GameProvider()

    def slow_once(_: Delivery) -> None:
        provider.behaviour = lambda _: None
        clock.now += HOUR

    provider.behaviour = slow_once
    for number in range(4):
        store_claim(database, f"player {number}", NOW)
    with dispatching(database, destination(provider, concurrency=1), clock) as dispatcher:
        dispatcher.one_pass()
        wait_until(lambda: provider.ledger)
        # The others were leased with the first, before that hour.
        assert len(provider.asked) == 1
        dispatch_all([dispatcher], database_url)
    assert [stored.attempts for stored in grants_in_outbox(database_url)] == [1, 1, 1, 1]


def test_closing_completes_deliveries_under_way_and_releases_other_leases(
    database: Database, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    let_go = threading.Event()
    close = DeliveryThreads.close

    def let_go_and_close(threads: DeliveryThreads[object]) -> None:
        # The dispatcher is closing by now, and begins no delivery.
        let_go.set()
        close(threads)

    def hang(_: Delivery) -> None:
        assert let_go.wait(60)

    provider = GameProvider(hang)
    for number in range(6):
        store_claim(database, f"player {number}", NOW - number)
    with dispatching(database, destination(provider, concurrency=2), ManualClock()) as dispatcher:
        pass_until([dispatcher], lambda: provider.under_way == 2)
        monkeypatch.setattr(DeliveryThreads, "close", let_go_and_close)
        dispatcher.close()
        found = [stored.state for stored in grants_in_outbox(database_url)]
    assert found.count(ClaimState.GRANTED) == 2
    assert found.count(ClaimState.PENDING) == 4


def test_leases_of_a_dead_dispatcher_end_at_once(database: Database, database_url: str) -> None:
    clock, provider = ManualClock(), GameProvider()
    dead, stranger = subprocess.Popen([sys.executable, "-c", ""]), "elsewhere:1@00000000.00000000"
    dead.wait()
    of_the_dead = re.sub(r":\d+@", f":{dead.pid}@", str(OWNER))
    for number, owner in enumerate([of_the_dead, stranger, str(OWNER)]):
        store_claim(database, f"player {number}", NOW)
        lease = Lease(PROVIDER, owner, NOW + HOUR)
        leased = database.autocommit(lambda connection: delivery_queue.lease_due(connection, lease, 1, NOW), soon())  # noqa: B023 - run at once
        assert len(leased) == 1
    assert reconcile(database, destination(provider), clock, RewardTelemetry(Telemetry())) == 1
    found = [stored.state for stored in grants_in_outbox(database_url)]
    assert found == [ClaimState.PENDING, ClaimState.DELIVERING, ClaimState.DELIVERING]


@pytest.mark.parametrize("remembers", [True, False], ids=["a provider that can say", "a provider that cannot"])
@pytest.mark.parametrize("granted", [True, False], ids=["granted before", "not granted"])
def test_a_grant_whose_dispatcher_died_is_taken_over(
    database: Database, database_url: str, remembers: bool, granted: bool
) -> None:
    clock, provider = ManualClock(), GameProvider(remembers=remembers)
    store_claim(database, "player", NOW)
    dispatcher = dispatcher_of(database, destination(provider), clock)

    def die(delivery: Delivery) -> Reply | None:
        if granted:
            provider.give(delivery)
        return TryAgain("never recorded")

    provider.behaviour = die
    # The grant is leased and delivered, but no pass records the reply.
    dispatcher.one_pass()
    wait_until(lambda: provider.asked and not provider.under_way)
    provider.behaviour = lambda _: None
    telemetry = RewardTelemetry(Telemetry())
    assert reconcile(database, destination(provider), clock, telemetry) == 0
    clock.now += HOUR
    assert reconcile(database, destination(provider), clock, telemetry) == 1
    assert states(database_url) == {ClaimState.GRANTED if remembers and granted else ClaimState.PENDING}
    clock.now += HOUR
    with dispatching(database, destination(provider), clock) as successor:
        dispatch_all([successor], database_url)
    assert len(provider.ledger) == 1
    # The dispatcher that was thought dead returns with its old lease, without effect.
    dispatcher.close()
    assert states(database_url) == {ClaimState.GRANTED}


def test_nothing_is_leased_while_no_thread_can_be_started(
    database: Database, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store_claim(database, "player", NOW)
    provider = GameProvider()
    with dispatching(database, destination(provider), ManualClock()) as dispatcher:
        with monkeypatch.context() as patched:
            patched.setattr(threading.Thread, "start", refuse_delivery_threads(0))
            for _ in range(3):
                with pytest.raises(RuntimeError, match="can't start new thread"):
                    dispatcher.one_pass()
            assert states(database_url) == {ClaimState.PENDING}
        dispatch_all([dispatcher], database_url)
    assert [grant.attempts for grant in grants_in_outbox(database_url)] == [1]
    assert len(provider.asked) == 1


def test_fewer_threads_deliver_everything_once(
    database: Database, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(40):
        store_claim(database, f"player-{number}", NOW)
    monkeypatch.setattr(threading.Thread, "start", refuse_delivery_threads(2))
    provider = GameProvider()
    with dispatching(database, destination(provider, concurrency=8), ManualClock()) as dispatcher:
        dispatch_all([dispatcher], database_url)
    assert len(provider.asked) == len(provider.ledger) == 40
    assert provider.most_under_way <= 2


def refuse_delivery_threads(after: int) -> Callable[[threading.Thread], None]:
    """Return a `Thread.start` that starts this many delivery threads and then fails as a system at its limit does."""
    start, started = threading.Thread.start, 0

    def start_or_refuse(thread: threading.Thread) -> None:
        nonlocal started
        if thread.name.startswith("deliver "):
            if started >= after:
                raise RuntimeError("can't start new thread")
            started += 1
        start(thread)

    return start_or_refuse


def test_a_claim_of_its_own_process_wakes_an_idle_dispatcher(database: Database) -> None:
    provider = GameProvider()
    hours = replace(destination(provider), poll_s=3_600.0, idle_poll_s=3_600.0)
    with dispatching(database, hours, ManualClock()) as dispatcher:
        dispatcher.one_pass()
        for number in range(1, 3):
            store_claim(database, f"player {number}", NOW)
            for _ in range(3):
                dispatcher.wake()
            # Without the wake-up it would wait for an hour.
            dispatcher.one_pass()
            wait_until(lambda: len(provider.asked) == number)  # noqa: B023 - at once
            dispatcher.one_pass()
