"""A caller waits for the commit of its events, at most until its deadline."""

from __future__ import annotations

import threading

import pytest

from event_handler.group_commit import Submission
from shared.domain.errors import DatabaseUnavailable, DeadlineExceeded
from shared.domain.events import Event, Outcome, Verdict
from tests.support.busy_machine import LATE_S
from tests.support.databases import soon
from tests.support.goals import catalogue_of, goal
from tests.support.strategies import KILLS
from tests.support.unstalled_clock import unstalled_s

CATALOGUE = catalogue_of(goal())
EVENTS = [Event("id", "player", 0, KILLS, delta=1)]
OUTCOMES = [Outcome(Verdict.APPLIED)]


def test_a_caller_gets_the_outcomes_of_its_events() -> None:
    submission = Submission(CATALOGUE, EVENTS, soon())
    threading.Thread(target=submission.reply, args=(OUTCOMES,)).start()
    assert submission.wait() == OUTCOMES


def test_a_caller_gets_the_error_of_the_commit() -> None:
    submission = Submission(CATALOGUE, EVENTS, soon())
    threading.Thread(target=submission.reply, args=(DatabaseUnavailable(),)).start()
    with pytest.raises(DatabaseUnavailable):
        submission.wait()


@pytest.mark.parametrize("wait_s", [-1.0, 0.0, 0.1])
def test_a_wait_ends_at_the_callers_deadline(wait_s: float) -> None:
    started, deadline = unstalled_s(), soon(wait_s)
    submission = Submission(CATALOGUE, EVENTS, deadline)
    with pytest.raises(DeadlineExceeded):
        submission.wait()
    assert unstalled_s() - started < max(wait_s, 0.0) + LATE_S
    # A commit after the deadline has no effect.
    submission.reply(OUTCOMES)


def test_outcomes_committed_before_the_wait_are_returned_even_after_the_deadline() -> None:
    submission = Submission(CATALOGUE, EVENTS, soon(-1))
    submission.reply(OUTCOMES)
    assert submission.wait() == OUTCOMES
