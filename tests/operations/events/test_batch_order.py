"""Order, batching and repetition of the same events do not change the result."""

from __future__ import annotations

import random
from collections.abc import Sequence
from itertools import count

from hypothesis import given
from hypothesis import strategies as st

from shared.domain.catalogue import Catalogue
from shared.domain.current_periods import current_periods
from shared.domain.events import CompletionKey, Event, Verdict
from shared.domain.instant import DAY, Instant, day_of
from shared.domain.progress import GoalStatus, goal_status
from shared.domain.schedules import DAILY, LIFETIME, MONTHLY
from shared.operations.goals.view_player import view_player
from shared.postgres.database import Database
from tests.operations.stories import shuffled_batches
from tests.support.databases import flushed, soon
from tests.support.strategies import DAYS, FIRST_DAY, catalogues, events

SCHEDULES = (LIFETIME, DAILY, MONTHLY)
PLAYERS = ("ann", "bob")
numbers = count()

distinct_events = st.lists(
    events(PLAYERS),
    min_size=1,
    max_size=15,
    unique_by=lambda event: (event.user_id, day_of(event.time), event.event_id),
)
"""If two events of a player and day have one id, the first to arrive counts: these do depend on the order."""


class Arrival:
    """One order and batching of the events, for separate players."""

    def __init__(self, database: Database, catalogue: Catalogue) -> None:
        self._database = database
        self._catalogue = catalogue
        self._prefix = f"arrival {next(numbers)}, "
        self.completed: list[tuple[str, str, Instant]] = []
        self.applied = 0

    def report(self, batch: Sequence[Event]) -> None:
        sent = [event._replace(user_id=self._prefix + event.user_id) for event in batch]
        for outcome in flushed(self._database, self._catalogue, sent):
            self.completed += map(self._named, outcome.completions)
            self.applied += outcome.verdict is Verdict.APPLIED

    def _named(self, key: CompletionKey) -> tuple[str, str, Instant]:
        return key.user_id.removeprefix(self._prefix), key.goal_id, key.period_start

    def statuses(self) -> dict[tuple[str, Instant], list[GoalStatus]]:
        """Return the status of every goal on each day, without completion times, which depend on the order."""
        looks = [(player, day * DAY) for player in PLAYERS for day in range(FIRST_DAY, FIRST_DAY + DAYS)]
        return {(player, now): self._statuses_at(player, now) for player, now in looks}

    def _statuses_at(self, player: str, now: Instant) -> list[GoalStatus]:
        view = view_player(self._database, self._prefix + player, soon(), current_periods(self._catalogue, now))
        goals = self._catalogue.goals.values()
        return [goal_status(goal, view, self._catalogue)._replace(complete_time=None) for goal in goals]


@given(catalogues(schedules=SCHEDULES), distinct_events, st.randoms(use_true_random=False))
def test_any_batching_of_the_same_events_gives_the_same_result(
    one_connection: Database, catalogue: Catalogue, reported: list[Event], chance: random.Random
) -> None:
    at_once, in_parts = Arrival(one_connection, catalogue), Arrival(one_connection, catalogue)
    at_once.report(reported)
    for batch in shuffled_batches(reported, chance):
        in_parts.report(batch)
    assert in_parts.statuses() == at_once.statuses()
    assert sorted(in_parts.completed) == sorted(at_once.completed)
    assert in_parts.applied == at_once.applied


@given(catalogues(schedules=SCHEDULES), distinct_events)
def test_a_redelivered_batch_changes_nothing(
    one_connection: Database, catalogue: Catalogue, reported: list[Event]
) -> None:
    arrival = Arrival(one_connection, catalogue)
    arrival.report(reported)
    before, applied, completed = arrival.statuses(), arrival.applied, list(arrival.completed)
    arrival.report(reported)
    arrival.report(reported[::-1])
    assert arrival.statuses() == before
    assert (arrival.applied, arrival.completed) == (applied, completed)
