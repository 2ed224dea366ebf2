"""Deadlines of callers, and of the commits that they wait for."""

from __future__ import annotations

import time

import pytest

from event_handler.group_commit import FLUSH_DEADLINE_MAX_S
from shared.domain.errors import DeadlineExceeded
from tests.event_handler.held_up_commits import CATALOGUE, Store, events_named, reasons, writing
from tests.support.busy_machine import LATE_S
from tests.support.databases import soon
from tests.support.unstalled_clock import unstalled_s
from tests.support.waiting import wait_until


def test_a_callers_deadline_ends_its_wait_while_the_commit_continues() -> None:
    store = Store()
    with writing(store) as group_commit:
        store.open.clear()
        started, deadline = unstalled_s(), soon(1.0)
        with pytest.raises(DeadlineExceeded):
            group_commit.submit(CATALOGUE, events_named("impatient"), deadline).wait()
        assert unstalled_s() - started < 1.0 + LATE_S
        store.open.set()
        wait_until(lambda: store.batches == [["impatient"]])


def test_events_whose_callers_have_left_are_not_committed() -> None:
    store = Store()
    with writing(store) as group_commit:
        first = store.hold_up(group_commit)
        abandoned = group_commit.submit(CATALOGUE, events_named("abandoned"), soon(0.5))
        awaited = group_commit.submit(CATALOGUE, events_named("awaited"), soon())
        with pytest.raises(DeadlineExceeded):
            abandoned.wait()
        store.open.set()
        first.wait()
        assert reasons(awaited) == ["awaited"]
        assert store.batches == [["first"], ["awaited"]]


def test_a_commit_may_last_until_the_latest_deadline_of_its_callers_within_bounds() -> None:
    store = Store()
    with writing(store) as group_commit:
        store.hold_up(group_commit)
        deadlines = [soon(6), soon(8), soon(7)]
        waits = [group_commit.submit(CATALOGUE, events_named("id"), deadline) for deadline in deadlines]
        store.open.set()
        for submission in waits:
            submission.wait()
        group_commit.submit(CATALOGUE, events_named("id"), soon(1_000)).wait()
        assert store.deadlines[1] == max(deadlines)
        assert store.deadlines[2] <= time.monotonic() + FLUSH_DEADLINE_MAX_S


def test_a_flush_gets_time_to_finish_even_if_all_its_callers_are_impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    # The caller gets its response although the machine is slow.
    monkeypatch.setattr("event_handler.group_commit.FLUSH_DEADLINE_MIN_S", 0.8 * FLUSH_DEADLINE_MAX_S)
    store = Store()
    with writing(store) as group_commit:
        store.hold_up(group_commit)
        impatient = group_commit.submit(CATALOGUE, events_named("impatient"), soon(0.5 * FLUSH_DEADLINE_MAX_S))
        store.open.set()
        impatient.wait()
        assert store.deadlines[1] > impatient.deadline


def test_events_without_time_left_are_refused_at_once() -> None:
    store = Store()
    with writing(store) as group_commit:
        with pytest.raises(DeadlineExceeded):
            group_commit.submit(CATALOGUE, events_named("too late"), soon(0.0))
        assert store.batches == []
