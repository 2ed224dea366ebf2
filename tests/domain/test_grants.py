"""Settlement of grants by providers' replies, retry pauses, and the circuit breaker."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shared.domain.breaker import FAILURES_MAX, LONGEST_PAUSE, Breaker
from shared.domain.claims import CLAIMABLE_AGAIN, ClaimState, RefusalReason
from shared.domain.grants import (
    ERROR_LENGTH_MAX,
    LOST_AT_ONCE_MAX,
    RETRY_AFTER_MAX,
    Granted,
    Refused,
    RetryPolicy,
    TryAgain,
    Undetermined,
    settle,
)
from shared.domain.instant import HOUR, SECOND

NOW = 1_000 * HOUR
POLICY = RetryPolicy()


def test_a_delivered_grant_is_granted_at_any_attempt() -> None:
    for attempts in (1, POLICY.attempts_max, POLICY.attempts_max + 1):
        assert settle(attempts, 0, Granted(), POLICY, 0.5, NOW).state is ClaimState.GRANTED


@pytest.mark.parametrize("reason", RefusalReason)
def test_a_refusal_is_final_and_its_reason_decides_if_the_goal_is_claimable_again(reason: RefusalReason) -> None:
    settlement = settle(1, 0, Refused(reason), POLICY, 0.5, NOW)
    assert settlement.state is ClaimState.REFUSED
    assert settlement.refusal is reason
    assert settlement.claimable_again == (reason in CLAIMABLE_AGAIN)


LOST = st.integers(0, LOST_AT_ONCE_MAX)


@given(failures=st.integers(1, POLICY.attempts_max - LOST_AT_ONCE_MAX - 1), lost=LOST, jitter=st.floats(0, 1))
def test_pauses_double_with_each_failure_up_to_a_maximum_with_jitter(failures: int, lost: int, jitter: float) -> None:
    pause = POLICY.pause_after(failures, jitter)
    middle = min(POLICY.first_pause * 2 ** (failures - 1), POLICY.longest_pause)
    assert middle * 0.5 <= pause <= middle * 1.5
    settlement = settle(failures + lost, failures - 1, TryAgain("away"), POLICY, jitter, NOW)
    assert (settlement.state, settlement.due_time, settlement.failed) == (ClaimState.PENDING, NOW + pause, True)


NOT_GRANTED = st.sampled_from([TryAgain("away"), Undetermined("lost")])
REPLIES = st.lists(NOT_GRANTED, min_size=POLICY.attempts_max, max_size=POLICY.attempts_max)


@given(replies=REPLIES)
@example(replies=[TryAgain("away")] * POLICY.attempts_max)
@example(replies=[Undetermined("lost")] * POLICY.attempts_max)
def test_a_grant_is_dead_after_all_attempts_and_no_earlier_than_after_an_hour(
    replies: Sequence[TryAgain | Undetermined],
) -> None:
    now, failures = NOW, 0
    for attempts, reply in enumerate(replies, 1):
        settlement = settle(attempts, failures, reply, POLICY, 0.0, now)
        failures += settlement.failed
        assert (settlement.state is ClaimState.DEAD) == (attempts == POLICY.attempts_max)
        now = settlement.due_time or now
    assert now > NOW + HOUR
    assert failures == sum(isinstance(reply, TryAgain) for reply in replies)


def test_a_grant_is_dead_after_its_last_failed_attempt() -> None:
    for reply in (TryAgain("away"), Undetermined("lost")):
        settlement = settle(POLICY.attempts_max, POLICY.attempts_max - 1, reply, POLICY, 0.5, NOW)
        assert (settlement.state, settlement.error) == (ClaimState.DEAD, reply.error)
        assert not settlement.claimable_again


@given(seconds=st.integers(0, 10_000_000))
def test_retry_after_is_honoured_within_bounds(seconds: int) -> None:
    settlement = settle(1, 0, TryAgain("busy", seconds * SECOND), POLICY, 0.0, NOW)
    assert settlement.due_time is not None
    waited = settlement.due_time - NOW
    assert waited >= min(seconds * SECOND, RETRY_AFTER_MAX)
    assert waited <= max(RETRY_AFTER_MAX, POLICY.pause_after(1, 0.0))


@given(failures=st.integers(0, 10), lost=st.integers(1, LOST_AT_ONCE_MAX))
def test_an_undetermined_attempt_is_repeated_at_once_in_its_old_place(failures: int, lost: int) -> None:
    settlement = settle(failures + lost, failures, Undetermined("lost"), POLICY, 0.5, NOW)
    assert (settlement.state, settlement.due_time, settlement.failed) == (ClaimState.PENDING, None, False)


@given(failures=st.integers(0, 10), lost=st.integers(LOST_AT_ONCE_MAX + 1, 20), jitter=st.floats(0, 1))
def test_a_grant_that_may_kill_its_dispatchers_lets_others_go_first(failures: int, lost: int, jitter: float) -> None:
    settlement = settle(failures + lost, failures, Undetermined("lost"), POLICY, jitter, NOW)
    pause = POLICY.pause_after(failures + lost - LOST_AT_ONCE_MAX, jitter)
    assert (settlement.state, settlement.due_time) == (ClaimState.PENDING, NOW + pause)


@given(error=st.text())
def test_any_provider_error_can_be_stored(error: str) -> None:
    kept = settle(1, 0, TryAgain(error), POLICY, 0.5, NOW).error
    assert kept is not None
    assert len(kept) <= ERROR_LENGTH_MAX
    assert kept.isprintable()


def test_lone_surrogates_and_nul_are_replaced_in_errors() -> None:
    assert settle(1, 0, TryAgain("a\ud800b\0c"), POLICY, 0.5, NOW).error == "a?b c"


def test_the_breaker_opens_after_consecutive_failures_then_admits_one_at_a_time() -> None:
    breaker = Breaker()
    for _ in range(FAILURES_MAX - 1):
        breaker.failed(NOW)
    breaker.succeeded()
    for _ in range(FAILURES_MAX - 1):
        breaker.failed(NOW)
    assert breaker.admits(3, 10, NOW) == 10
    breaker.failed(NOW)
    assert breaker.is_open
    assert breaker.admits(0, 10, NOW) == 0
    later = NOW + LONGEST_PAUSE
    assert breaker.admits(0, 10, later) == 1
    assert breaker.admits(1, 10, later) == 0
    breaker.succeeded()
    assert breaker.admits(0, 10, later) == 10


def test_failures_of_deliveries_begun_before_the_breaker_opened_do_not_lengthen_the_pause() -> None:
    one, many = Breaker(), Breaker()
    for _ in range(FAILURES_MAX):
        one.failed(NOW)
        many.failed(NOW)
    for _ in range(100):
        many.failed(NOW)
    first = next(seconds for seconds in range(60) if one.admits(0, 1, NOW + seconds * SECOND))
    assert many.admits(0, 1, NOW + first * SECOND) == 1


def test_the_breaker_pause_grows_with_every_failed_try_up_to_a_maximum() -> None:
    breaker, now = Breaker(), NOW
    pauses = []
    for _ in range(FAILURES_MAX):
        breaker.failed(now)
    for _ in range(10):
        begun = now
        while not breaker.admits(0, 1, now):
            now += SECOND
        pauses.append(now - begun)
        breaker.failed(now)
    assert pauses == sorted(pauses)
    assert pauses[-1] == LONGEST_PAUSE
