"""Concurrent writers, switches and readers around the boundary of a period."""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from shared.domain.current_periods import current_periods
from shared.domain.events import Event
from shared.domain.goal import Counting
from shared.domain.instant import DAY, Instant
from shared.domain.progress import GoalState, goal_status
from shared.domain.schedules import DAILY, WEEKLY
from shared.operations.goals.activate import set_goal_active
from shared.operations.goals.view_player import view_player
from shared.postgres.database import Database
from tests.support.databases import flushed, opened, soon
from tests.support.goals import catalogue_of, goal
from tests.support.strategies import FIRST_DAY, KILLS

pytestmark = pytest.mark.usefixtures("patient_pool")

BOUNDARY: Instant = (FIRST_DAY + 5) * DAY
"""A Monday, on which a day and a week start."""
WRITERS = 6
PLAYERS = [f"player {number}" for number in range(8)]
EACH = 6
"""Number of events of each player in each period."""
DAILY_SUM = goal("daily", target=EACH, schedule=DAILY)
WEEKLY_COUNT = goal("weekly", target=EACH, schedule=WEEKLY, counting=Counting.EVENTS)
OPTIONAL = goal("optional", target=1, schedule=DAILY, default_assigned=False)
CATALOGUE = catalogue_of(DAILY_SUM, WEEKLY_COUNT, OPTIONAL)
BEFORE, AFTER = BOUNDARY - 1, BOUNDARY


def reported_events() -> list[Event]:
    """Return events in the last and the first instant around the boundary."""
    return [
        Event(f"{number}", player, time, KILLS, delta=1)
        for player in PLAYERS
        for time in (BEFORE, AFTER)
        for number in range(EACH)
    ]


def test_each_event_counts_in_its_period_with_concurrent_writers_and_switches(database_url: str) -> None:
    completed: Counter[tuple[str, str, Instant]] = Counter()
    lock = threading.Lock()

    def write(database: Database, chance: random.Random) -> None:
        mine = [event for event in reported_events() if chance.random() < 2 / WRITERS]
        chance.shuffle(mine)
        send(database, mine)

    def send(database: Database, batch: list[Event]) -> None:
        for start in range(0, len(batch), 10):
            for outcome in flushed(database, CATALOGUE, batch[start : start + 10]):
                with lock:
                    completed.update((key.user_id, key.goal_id, key.period_start) for key in outcome.completions)

    def switch(database: Database, chance: random.Random) -> None:
        for player in chance.sample(PLAYERS, len(PLAYERS)):
            for active, now in ((True, BEFORE), (False, AFTER), (True, AFTER)):
                set_goal_active(database, CATALOGUE, player, OPTIONAL, active, now, soon())

    def look(database: Database, chance: random.Random) -> None:
        for player in chance.sample(PLAYERS, len(PLAYERS)):
            for now in (BEFORE, AFTER):
                view = view_player(database, player, soon(), current_periods(CATALOGUE, now))
                assert all(tally.measures.sum <= EACH for tally in view.period_tallies.values())

    doers: list[Callable[[Database, random.Random], None]] = [*[write] * WRITERS, switch, look]
    with opened(database_url, pool_size=len(doers)) as database, ThreadPoolExecutor(len(doers)) as threads:
        running = [threads.submit(partial(doer, database, random.Random(seed))) for seed, doer in enumerate(doers)]
        for future in running:
            future.result()
        send(database, reported_events())

        for player in PLAYERS:
            for now in (BEFORE, AFTER):
                view = view_player(database, player, soon(), current_periods(CATALOGUE, now))
                assert {tally.measures.sum for tally in view.period_tallies.values()} == {EACH}
                for each in (DAILY_SUM, WEEKLY_COUNT, OPTIONAL):
                    assert goal_status(each, view, CATALOGUE).state is GoalState.COMPLETED
    starts = {"daily": (BOUNDARY - DAY, BOUNDARY), "weekly": (BOUNDARY - 7 * DAY, BOUNDARY)}
    by_events = {key: times for key, times in completed.items() if key[1] != "optional"}
    assert by_events == {(player, each, start): 1 for player in PLAYERS for each in starts for start in starts[each]}
    assert set(completed.values()) == {1}
