"""Several writers: one player always with the same, answers in the caller's order."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from event_handler.group_commit import Flush
from event_handler.writers import Writers
from shared.domain.catalogue import LOGIN, Catalogue
from shared.domain.errors import DatabaseUnavailable, Overloaded, ShuttingDown
from shared.domain.events import Event, Outcome, Verdict
from tests.support.databases import soon
from tests.support.goals import catalogue_of, goal

CATALOGUE = catalogue_of(goal())
CLOSE_S = 10.0


@contextmanager
def writers(flush: Flush, *, count: int, buffer_events_max: int = 100_000, linger_s: float = 0.0) -> Iterator[Writers]:
    running = Writers(flush, count=count, buffer_events_max=buffer_events_max, linger_s=linger_s)
    running.start()
    try:
        yield running
    finally:
        running.close(CLOSE_S)


def by(*players: str) -> list[Event]:
    """An event of each of these players, numbered in this order."""
    return [Event(str(number), player, 0, LOGIN) for number, player in enumerate(players)]


def named(_judged_by: Catalogue, events: Sequence[Event], _deadline: float) -> list[Outcome]:
    """A flush whose outcomes tell which event they belong to."""
    return [Outcome(Verdict.APPLIED, reason=event.event_id) for event in events]


@settings(max_examples=30)
@given(st.lists(st.text(min_size=1, max_size=3), min_size=1, max_size=50), st.integers(1, 4))
def test_every_event_gets_its_own_outcome_in_the_order_of_the_call(players: list[str], count: int) -> None:
    with writers(named, count=count) as running:
        outcomes = running.submit(CATALOGUE, by(*players), soon()).wait()
    assert [outcome.reason for outcome in outcomes] == [str(number) for number in range(len(players))]


def test_a_player_always_goes_to_the_same_writer_and_all_writers_get_players() -> None:
    players = [f"player {number}" for number in range(50)]
    writers_of: dict[str, set[str]] = {player: set() for player in players}

    def flush(judged_by: Catalogue, events: Sequence[Event], deadline: float) -> list[Outcome]:
        for event in events:
            writers_of[event.user_id].add(str(threading.get_ident()))
        return named(judged_by, events, deadline)

    with writers(flush, count=3) as running:
        for _ in range(5):
            running.submit(CATALOGUE, by(*players), soon()).wait()
        for player in players:
            running.submit(CATALOGUE, by(player), soon()).wait()
    assert {len(found) for found in writers_of.values()} == {1}
    assert len(set.union(*writers_of.values())) == 3


def test_the_buffer_is_bounded_for_all_writers_together() -> None:
    going_on = threading.Event()

    def flush(judged_by: Catalogue, events: Sequence[Event], deadline: float) -> list[Outcome]:
        assert going_on.wait(CLOSE_S)
        return named(judged_by, events, deadline)

    with writers(flush, count=2, buffer_events_max=2_000) as running:
        accepted = [running.submit(CATALOGUE, by("one player"), soon()) for _ in range(1_000)]
        with pytest.raises(Overloaded):
            running.submit(CATALOGUE, by("one player"), soon())
        assert running.buffered_events == 1_000
        going_on.set()
        assert [len(submission.wait()) for submission in accepted] == [1] * 1_000


def test_an_error_of_one_writer_reaches_the_caller_and_no_other_player() -> None:
    def flush(judged_by: Catalogue, events: Sequence[Event], deadline: float) -> list[Outcome]:
        if any(event.user_id == "unlucky" for event in events):
            raise DatabaseUnavailable
        return named(judged_by, events, deadline)

    with writers(flush, count=4) as running:
        with pytest.raises(DatabaseUnavailable):
            running.submit(CATALOGUE, by("unlucky", *(f"player {number}" for number in range(20))), soon()).wait()
        assert len(running.submit(CATALOGUE, by("lucky"), soon()).wait()) == 1


def test_closing_commits_and_answers_everything_that_was_accepted() -> None:
    with writers(named, count=3) as running:
        submissions = [running.submit(CATALOGUE, by(f"player {number}"), soon()) for number in range(100)]
    assert all(len(submission.wait()) == 1 for submission in submissions)
    with pytest.raises(ShuttingDown):
        running.submit(CATALOGUE, by("late"), soon())


def test_a_linger_gathers_events_that_arrive_one_by_one() -> None:
    sizes: list[int] = []

    def flush(judged_by: Catalogue, events: Sequence[Event], deadline: float) -> list[Outcome]:
        sizes.append(len(events))
        return named(judged_by, events, deadline)

    with writers(flush, count=1, linger_s=0.5) as running:
        submissions = [running.submit(CATALOGUE, by("player"), soon()) for _ in range(20)]
        for submission in submissions:
            submission.wait()
    assert sum(sizes) == 20
    # All in one, unless half a second passes before the last has arrived.
    assert len(sizes) < 20
