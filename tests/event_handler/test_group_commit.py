"""One writer commits all events that arrived during a commit together, and acknowledges them afterwards."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from event_handler.group_commit import FLUSH_EVENTS_MAX, Submission
from shared.domain.errors import DatabaseUnavailable, DeadlineExceeded, Overloaded, ShuttingDown
from shared.domain.events import Outcome
from tests.event_handler.held_up_commits import (
    BUFFER,
    CATALOGUE,
    REFUSED_ID,
    UNKNOWN_ID,
    Store,
    events_named,
    reasons,
    writing,
)
from tests.support.busy_machine import LATE_S
from tests.support.databases import PATIENCE_S, soon
from tests.support.goals import catalogue_of, goal
from tests.support.unstalled_clock import unstalled_s
from tests.support.waiting import wait_until


def waiting(submission: Submission, callers: ThreadPoolExecutor) -> Future[Sequence[Outcome]]:
    """Start a caller that waits for its outcomes."""
    return callers.submit(submission.wait)


def test_a_single_event_is_committed_at_once_and_acknowledged_after_the_commit() -> None:
    store = Store()
    with writing(store) as group_commit, ThreadPoolExecutor(1) as callers:
        submission = store.hold_up(group_commit)
        caller = waiting(submission, callers)
        assert not caller.done()
        assert store.batches == []
        store.open.set()
        assert [outcome.reason for outcome in caller.result(PATIENCE_S)] == ["first"]
        assert store.batches == [["first"]]


def test_events_that_arrive_during_a_commit_are_committed_together_in_order() -> None:
    store = Store()
    with writing(store) as group_commit:
        first = store.hold_up(group_commit)
        later = [group_commit.submit(CATALOGUE, events_named(f"{n}a", REFUSED_ID, f"{n}b"), soon()) for n in range(5)]
        assert group_commit.size == 16
        store.open.set()
        assert reasons(first) == ["first"]
        for number, submission in enumerate(later):
            assert reasons(submission) == [f"{number}a", REFUSED_ID, f"{number}b"]
        assert [len(batch) for batch in store.batches] == [1, 15]
        wait_until(lambda: group_commit.size == 0)


def test_a_batch_is_bounded_and_no_call_is_split() -> None:
    store = Store()
    with writing(store, buffer_events_max=10 * FLUSH_EVENTS_MAX) as group_commit:
        store.hold_up(group_commit)
        size = FLUSH_EVENTS_MAX // 2 + 1
        calls = [group_commit.submit(CATALOGUE, events_named(*["id"] * size), soon()) for _ in range(3)]
        too_large = group_commit.submit(CATALOGUE, events_named(*["id"] * (FLUSH_EVENTS_MAX + 1)), soon())
        store.open.set()
        for submission in (*calls, too_large):
            submission.wait()
        assert [len(batch) for batch in store.batches] == [1, size, size, size, FLUSH_EVENTS_MAX + 1]


def test_a_batch_holds_events_of_one_catalogue_and_is_accepted_by_it() -> None:
    store = Store()
    newer = catalogue_of(goal("newer"))
    with writing(store) as group_commit:
        store.hold_up(group_commit)
        submissions = [
            group_commit.submit(accepted_by, events_named(event_id), soon())
            for accepted_by, event_id in [
                (CATALOGUE, "1"),
                (CATALOGUE, "2"),
                (newer, "3"),
                (newer, "4"),
                (CATALOGUE, "5"),
            ]
        ]
        store.open.set()
        for submission in submissions:
            submission.wait()
    assert store.batches == [["first"], ["1", "2"], ["3", "4"], ["5"]]
    assert store.accepted_by == [CATALOGUE, CATALOGUE, newer, CATALOGUE]


def test_events_that_do_not_fit_into_the_buffer_are_refused_at_once() -> None:
    store = Store()
    with writing(store) as group_commit:
        first = store.hold_up(group_commit)
        fits = group_commit.submit(CATALOGUE, events_named(*["id"] * (BUFFER - 1)), soon())
        started = unstalled_s()
        with pytest.raises(Overloaded) as refusal:
            group_commit.submit(CATALOGUE, events_named("one too many"), soon())
        assert unstalled_s() - started < LATE_S
        assert refusal.value.retry_after_s > 0
        store.open.set()
        first.wait()
        fits.wait()
        wait_until(lambda: group_commit.size == 0)
        assert reasons(group_commit.submit(CATALOGUE, events_named("fits again"), soon())) == ["fits again"]


def test_a_patient_caller_waits_for_room_until_its_deadline() -> None:
    store = Store()
    with writing(store) as group_commit, ThreadPoolExecutor(1) as callers:
        store.hold_up(group_commit)
        group_commit.submit(CATALOGUE, events_named(*["id"] * (BUFFER - 1)), soon())
        with pytest.raises(Overloaded):
            group_commit.submit(CATALOGUE, events_named("too late"), soon(0.5), patient=True)
        caller = callers.submit(group_commit.submit, CATALOGUE, events_named("in time"), soon(), patient=True)
        store.open.set()
        assert reasons(caller.result(PATIENCE_S)) == ["in time"]


@pytest.mark.parametrize("error", [DatabaseUnavailable(), DeadlineExceeded("too slow")], ids=lambda error: error.reason)
def test_a_failed_commit_fails_only_its_own_callers(error: DatabaseUnavailable | DeadlineExceeded) -> None:
    store = Store()
    with writing(store) as group_commit:
        first = store.hold_up(group_commit)
        others = [group_commit.submit(CATALOGUE, events_named(f"{number}"), soon()) for number in range(3)]
        store.failures.append(error)
        store.open.set()
        with pytest.raises(type(error)):
            first.wait()
        assert [reasons(submission) for submission in others] == [["0"], ["1"], ["2"]]


def test_an_event_with_an_unknown_outcome_fails_only_its_own_caller() -> None:
    store = Store()
    with writing(store) as group_commit:
        store.hold_up(group_commit)
        before, its_own, behind = (
            group_commit.submit(CATALOGUE, events_named(*ids), soon()) for ids in ("ab", ("c", UNKNOWN_ID, "d"), "e")
        )
        store.open.set()
        assert reasons(before) == ["a", "b"]
        with pytest.raises(DatabaseUnavailable):
            its_own.wait()
        assert reasons(behind) == ["e"]


def test_an_exception_in_a_commit_does_not_stop_the_writer(caplog: pytest.LogCaptureFixture) -> None:
    store = Store()
    with writing(store) as group_commit:
        store.failures.append(KeyError("a bug"))
        with caplog.at_level(logging.CRITICAL, "event_handler"), pytest.raises(DatabaseUnavailable):
            group_commit.submit(CATALOGUE, events_named("unlucky"), soon()).wait()
        assert reasons(group_commit.submit(CATALOGUE, events_named("lucky"), soon())) == ["lucky"]


def test_closing_commits_and_acknowledges_everything_that_was_accepted() -> None:
    store = Store()
    with writing(store) as group_commit, ThreadPoolExecutor(2) as callers:
        store.hold_up(group_commit)
        accepted = [group_commit.submit(CATALOGUE, events_named(f"{number}"), soon()) for number in range(5)]
        group_commit.submit(CATALOGUE, events_named(*["id"] * (BUFFER - 6)), soon())
        held_back = callers.submit(group_commit.submit, CATALOGUE, events_named("late"), soon(), patient=True)
        closing = callers.submit(group_commit.close, PATIENCE_S)
        with pytest.raises(ShuttingDown):
            held_back.result(PATIENCE_S)
        with pytest.raises(ShuttingDown):
            group_commit.submit(CATALOGUE, events_named("too late"), soon())
        store.open.set()
        closing.result(PATIENCE_S)
        assert [reasons(submission) for submission in accepted] == [[f"{number}"] for number in range(5)]
        assert group_commit.size == 0


def test_the_oldest_wait_is_measured_while_events_wait() -> None:
    store = Store()
    with writing(store) as group_commit:
        assert group_commit.oldest_wait_s == 0
        store.hold_up(group_commit)
        group_commit.submit(CATALOGUE, events_named("waits"), soon())
        assert wait_until(lambda: group_commit.oldest_wait_s > 0.02)
        store.open.set()
        wait_until(lambda: group_commit.size == 0)
        assert group_commit.oldest_wait_s == 0
