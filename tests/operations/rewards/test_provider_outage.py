"""An unavailable provider is not called, and its grants are delivered in order afterwards, with their attempts."""

from __future__ import annotations

import threading
from itertools import count

from shared.domain.breaker import FAILURES_MAX, LONGEST_PAUSE
from shared.domain.claims import ClaimState
from shared.domain.grants import Delivery, Reply, RetryPolicy, TryAgain
from shared.domain.instant import HOUR, SECOND
from shared.postgres.database import Database
from tests.support.game_provider import GameProvider
from tests.support.rewards import (
    destination,
    dispatch_all,
    dispatching,
    grants_in_outbox,
    pass_until,
    states,
    store_claim,
)
from tests.support.services import NOW, ManualClock
from tests.support.waiting import wait_until

PENDING = {ClaimState.PENDING}


def test_a_failing_provider_is_not_called_and_grants_keep_their_attempts(database: Database, database_url: str) -> None:
    clock, provider = ManualClock(), GameProvider(lambda _: TryAgain("away"))
    for number in range(50):
        store_claim(database, f"player {number}", NOW - number)
    with dispatching(database, destination(provider, concurrency=1), clock) as dispatcher:
        pass_until([dispatcher], lambda: len(provider.asked) >= FAILURES_MAX and states(database_url) == PENDING)
        asked = len(provider.asked)
        for _ in range(60):
            clock.now += 60 * SECOND
            # A reply that was taken only after the clock went on would begin its pause too late.
            pass_until([dispatcher], lambda: len(provider.asked) > asked and states(database_url) == PENDING)  # noqa: B023 - at once
            for _ in range(2):
                dispatcher.one_pass()
            assert len(provider.asked) == asked + 1
            asked += 1
        provider.behaviour = lambda _: None
        clock.now += HOUR
        dispatch_all([dispatcher], database_url)
    assert len(provider.ledger) == 50
    assert states(database_url) == {ClaimState.GRANTED}


def test_grants_leased_when_the_breaker_opens_are_released_without_an_attempt(
    database: Database, database_url: str
) -> None:
    provider = GameProvider(lambda _: TryAgain("away"))
    for number in range(50):
        store_claim(database, f"player {number}", NOW)
    let_go, numbers = threading.Event(), count()

    def fail_until_it_is_known(_: Delivery) -> Reply:
        if next(numbers) >= FAILURES_MAX:
            assert let_go.wait(60)
        return TryAgain("away")

    provider.behaviour = fail_until_it_is_known
    with dispatching(database, destination(provider, concurrency=4), ManualClock()) as dispatcher:
        dispatcher.one_pass()
        # No other pass until then: it could open the breaker before the last thread has begun its delivery.
        wait_until(lambda: provider.under_way == 4 and len(provider.asked) == FAILURES_MAX + 4)
        dispatcher.one_pass()
        let_go.set()
        pass_until([dispatcher], lambda: states(database_url) == PENDING)
    assert len(provider.asked) == FAILURES_MAX + 4
    assert sum(stored.attempts for stored in grants_in_outbox(database_url)) == FAILURES_MAX + 4


def test_after_an_outage_claims_are_delivered_in_the_order_in_which_they_were_made(
    database: Database, database_url: str
) -> None:
    clock, provider = ManualClock(), GameProvider(lambda _: TryAgain("away"))
    claimed: list[tuple[int, str]] = []

    def claim(number: int) -> None:
        priority = 4 + number % 3
        store_claim(database, f"player {number:02}", clock.now, priority=priority)
        claimed.append((priority, f"player {number:02}"))

    policy = RetryPolicy()
    with dispatching(database, destination(provider, concurrency=1, policy=policy), clock) as dispatcher:
        for number in range(30):
            claim(number)
            clock.now += 120 * SECOND
            pass_until([dispatcher], lambda: states(database_url) == PENDING)
        assert len(provider.asked) > 3 * FAILURES_MAX
        provider.asked.clear()
        provider.behaviour = lambda _: None
        clock.now += LONGEST_PAUSE
        dispatch_all([dispatcher], database_url)
    probe, *rest = [(delivery.reward.priority, delivery.key.user_id) for delivery in provider.asked]
    assert rest == sorted(set(claimed) - {probe})


def test_a_retry_after_is_honoured_beyond_an_outage(database: Database, database_url: str) -> None:
    clock, provider = ManualClock(), GameProvider(lambda _: TryAgain("later", retry_after=HOUR))
    for number in range(FAILURES_MAX):
        store_claim(database, f"player {number}", NOW - number)
    with dispatching(database, destination(provider, concurrency=1), clock) as dispatcher:
        pass_until([dispatcher], lambda: len(provider.asked) == FAILURES_MAX and states(database_url) == PENDING)
        provider.behaviour = lambda _: None
        clock.now += HOUR // 2
        store_claim(database, "another", clock.now)
        pass_until([dispatcher], lambda: len(provider.ledger) == 1)
        for _ in range(5):
            dispatcher.one_pass()
        assert len(provider.asked) == FAILURES_MAX + 1
        clock.now += HOUR
        dispatch_all([dispatcher], database_url)
    assert len(provider.ledger) == FAILURES_MAX + 1
