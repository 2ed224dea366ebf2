"""Concurrent writers, claims and activations for the same players lose nothing and count nothing twice.

All transactions lock in one order, so there are no deadlocks.
"""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial

import pytest

from shared.domain.errors import AlreadyClaimed, GoalInactive, GoalNotCompleted
from shared.domain.events import Event, Verdict
from shared.domain.goal import Aspect, Counting, Credit, DerivedStat
from shared.domain.instant import DAY
from shared.domain.streaks import StreakRule
from shared.operations.goals.activate import set_goal_active
from shared.operations.goals.view_player import view_player
from shared.operations.rewards.claim import claim_reward
from shared.postgres.database import Database
from tests.support.databases import connected, flushed, opened, soon
from tests.support.deadlocks import assert_no_deadlock
from tests.support.goals import catalogue_of, goal
from tests.support.strategies import FIRST_DAY, KILLS, LOGIN_STAT

pytestmark = pytest.mark.usefixtures("patient_pool")

WRITERS = 8
PLAYERS = [f"player {number}" for number in range(20)]
EVENTS_EACH = 10
NOW = FIRST_DAY * DAY

SUMS = [goal(f"sum {target}", target=target) for target in (5, 60, 100)]
OPTIONAL = goal("optional", stat=LOGIN_STAT, counting=Counting.EVENTS, target=4, default_assigned=False)
MAPS = DerivedStat("kills", KILLS, (), Aspect.DISTINCT, "map")
ALL_MAPS = replace(goal("all maps", stat=MAPS.stat, counting=Counting.DISTINCT, target=EVENTS_EACH), derived=MAPS)
STREAK = replace(goal("streak", counting=Counting.STREAK, target=3), streak=StreakRule())
QUEST = replace(goal("quest", target=1, default_assigned=False), credit=Credit.FROM_ASSIGNMENT)
CATALOGUE = replace(catalogue_of(*SUMS, OPTIONAL, ALL_MAPS, STREAK, QUEST), derived_stats=(MAPS,))


def reported_events() -> list[Event]:
    """Return events of both stats for each player. The deltas of a player add up to 55."""
    return [
        Event(f"event {number}", player, NOW + number % 3 * DAY, stat, number + 1, None, (("map", f"{number}"),))
        for player in PLAYERS
        for stat, numbers in ((KILLS, range(EVENTS_EACH)), (LOGIN_STAT, range(EVENTS_EACH, 2 * EVENTS_EACH)))
        for number in numbers
    ]


def at_once(tasks: list[Callable[[], None]]) -> None:
    """Run each function in its own thread, and raise the first error."""
    start = threading.Barrier(len(tasks))

    def run(task: Callable[[], None]) -> None:
        start.wait()
        task()

    with ThreadPoolExecutor(len(tasks)) as threads:
        for future in [threads.submit(run, task) for task in tasks]:
            future.result()


def test_every_event_counts_once_with_concurrent_writers_claims_and_activations(database_url: str) -> None:
    completions: Counter[tuple[str, str]] = Counter()
    verdicts: Counter[Verdict] = Counter()
    granted: Counter[tuple[str, str]] = Counter()

    def write(database: Database, chance: random.Random) -> None:
        # Every event goes to two writers, each in its own order.
        mine = [event for event in reported_events() if chance.random() < 2 / WRITERS]
        chance.shuffle(mine)
        while mine:
            size = chance.randint(1, 40)
            for outcome in flushed(database, CATALOGUE, mine[:size]):
                verdicts[outcome.verdict] += 1
                completions.update((key.user_id, key.goal_id) for key in outcome.completions)
            mine = mine[size:]

    def switch(database: Database, chance: random.Random) -> None:
        for player in chance.sample(PLAYERS, len(PLAYERS)):
            for active in (True, False, True):
                set_goal_active(database, CATALOGUE, player, OPTIONAL, active, NOW, soon())
                set_goal_active(database, CATALOGUE, player, QUEST, active, NOW, soon())

    def claim(database: Database, chance: random.Random) -> None:
        for player in chance.sample(PLAYERS, len(PLAYERS)):
            for each in (*SUMS, OPTIONAL):
                try:
                    claim_reward(database, CATALOGUE, player, each, None, NOW, soon())
                except (AlreadyClaimed, GoalInactive, GoalNotCompleted):
                    continue
                granted[player, each.id] += 1

    with opened(database_url, pool_size=WRITERS) as database:
        doers = [write] * WRITERS + [switch, claim, claim]
        at_once([partial(doer, database, random.Random(seed)) for seed, doer in enumerate(doers)])
        # Events not sent so far, and all others a third time.
        for outcome in flushed(database, CATALOGUE, reported_events()):
            verdicts[outcome.verdict] += 1
            completions.update((key.user_id, key.goal_id) for key in outcome.completions)
        claim(database, random.Random(0))

        for player in PLAYERS:
            tallies = view_player(database, player, soon()).tallies
            assert tallies[KILLS].measures.sum == sum(range(1, EVENTS_EACH + 1))
            assert tallies[KILLS].measures.events == tallies[LOGIN_STAT].measures.events == EVENTS_EACH
    assert verdicts[Verdict.APPLIED] == len(reported_events())
    assert {key: times for key, times in completions.items() if times != 1} == {}
    assert {key for key in completions if key[1] == "sum 5"} == {(player, "sum 5") for player in PLAYERS}
    assert {key for key in completions if key[1] in ("all maps", "streak")} == {
        (player, goal_id) for player in PLAYERS for goal_id in ("all maps", "streak")
    }
    assert granted == Counter((player, goal_id) for player in PLAYERS for goal_id in ("sum 5", "optional"))
    with connected(database_url) as connection:
        assert connection.execute("SELECT count(*) FROM reward_outbox").fetchone() == (2 * len(PLAYERS),)
        assert_no_deadlock(connection)
