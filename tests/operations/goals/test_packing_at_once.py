"""Completions are packed and unpacked while events, claims and refunds go on: each exists once and is granted once."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from functools import partial
from uuid import UUID

import pytest

from shared.domain.errors import AlreadyClaimed, GoalNotCompleted
from shared.domain.events import Event
from shared.domain.grant_changes import Act, ActRefused, refunded
from shared.domain.instant import DAY
from shared.operations.rewards import grant_admin
from shared.operations.rewards.claim import claim_reward
from shared.operations.rewards.claim_all import claim_all
from shared.operations.rewards.grant_admin import OperatorAction
from shared.operations.statistics.recalculate import recalculate
from shared.postgres.connection import Connection
from shared.postgres.database import Database
from shared.postgres.goals import settled_completions
from shared.postgres.goals.settled_completions import PlayerBusy
from tests.support.databases import connected, flushed, opened, soon
from tests.support.goals import catalogue_of, goal
from tests.support.packing import completions_by_table, pack_all, settle_all
from tests.support.services import rows
from tests.support.strategies import FIRST_DAY, KILLS

pytestmark = pytest.mark.usefixtures("patient_pool")

NOW = FIRST_DAY * DAY
PLAYERS = [f"player {number}" for number in range(6)]
EVENTS = 24
GOALS = [goal(f"goal {target}", target=target) for target in range(2, 12)]
REPEATED = replace(goal("repeated", target=3), repeat=8)
CATALOGUE = catalogue_of(*GOALS, REPEATED)
# By these targets the same goals are reached a second time.
RAISED = catalogue_of(*(replace(each, target=each.target + 8) for each in GOALS), REPEATED)
TWICE = (
    "SELECT user_id, goal_id, period_start, occurrence FROM every_completion"
    " GROUP BY user_id, goal_id, period_start, occurrence HAVING count(*) > 1"
)
UNLIKE = (
    "SELECT completion.user_id, goal_id FROM every_completion AS completion"
    " FULL JOIN reward_outbox AS granted USING (user_id, goal_id, period_start, occurrence, claim_number)"
    " WHERE (granted.state IS DISTINCT FROM 'REFUNDED') <> (claim_time IS NOT NULL)"
    " AND granted.grant_id IS NOT NULL"
)
DEADLOCKS = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"


def report(database: Database, chance: random.Random, player: str, done: list[object]) -> None:
    for number in range(EVENTS):
        catalogue = chance.choice((CATALOGUE, RAISED))
        events = [Event(f"{number}", player, NOW, KILLS, delta=1)]
        done += [key for outcome in flushed(database, catalogue, events) for key in outcome.completions]


def take(database: Database, chance: random.Random, player: str) -> None:
    for number in range(EVENTS):
        try:
            if number % 3:
                claim_reward(database, CATALOGUE, player, chance.choice(GOALS), None, NOW, soon())
            else:
                claim_all(database, CATALOGUE, player, CATALOGUE.goals.values(), NOW, soon())
        except (AlreadyClaimed, GoalNotCompleted):
            pass
        settle_all(database, player)


def give_back(database: Database, chance: random.Random, player: str) -> None:
    action = OperatorAction(Act.REFUND, lambda grant: refunded(grant, NOW), "ada", "asked for it")
    for _ in range(EVENTS // 2):
        granted = database.autocommit(
            lambda connection: connection.execute(
                "SELECT grant_id FROM reward_outbox WHERE user_id = $1 AND state = 'GRANTED'", (player,)
            ).fetchall(),
            soon(),
        )
        if granted:
            grant_id = UUID(str(chance.choice(granted)[0]))
            with suppress(ActRefused):
                grant_admin.perform(database, grant_id, action, NOW, soon(), dry=False)


def pack(database: Database, chance: random.Random) -> None:
    for _ in range(6 * EVENTS):
        player = chance.choice(PLAYERS)
        try:
            if chance.random() < 0.8:
                pack_all(database, CATALOGUE, [player], NOW + 60 * DAY)
            else:
                database.transact(partial(unpack, player), soon())
        except PlayerBusy:
            pass


def unpack(player: str, connection: Connection) -> None:
    settled_completions.unpack(connection, [player])


def at_once(tasks: list[Callable[[], object]]) -> None:
    with ThreadPoolExecutor(len(tasks)) as threads:
        for running in [threads.submit(task) for task in tasks]:
            running.result()


def test_nothing_is_lost_or_stored_twice(database_url: str) -> None:
    chance = random.Random(11)
    done: list[object] = []
    before = rows(database_url, DEADLOCKS)
    with opened(database_url, pool_size=12) as database:
        for some in (PLAYERS[:3], PLAYERS[3:]):
            at_once(
                [
                    *(partial(report, database, random.Random(chance.random()), player, done) for player in some),
                    *(partial(take, database, random.Random(chance.random()), player) for player in some),
                    *(partial(give_back, database, random.Random(chance.random()), player) for player in some),
                    *(partial(pack, database, random.Random(chance.random())) for _ in range(2)),
                ]
            )
        # Events complete goals by one of two targets. Claims store what was reached by the lower one alone.
        for player in PLAYERS:
            claim_all(database, CATALOGUE, player, CATALOGUE.goals.values(), NOW, soon())
        assert rows(database_url, TWICE) == []
        assert [key for key, times in Counter(done).items() if times > 1] == []
        assert sum(completions_by_table(database_url)) == len(PLAYERS) * (len(GOALS) + REPEATED.repeat) >= len(done)
        assert rows(database_url, UNLIKE) == []
        for player in PLAYERS:
            settle_all(database, player)
        assert pack_all(database, CATALOGUE, PLAYERS, NOW + 60 * DAY) >= 0
        assert completions_by_table(database_url)[1] > 0
        assert recalculate(database, CATALOGUE, PLAYERS, soon()) == []
    with connected(database_url) as connection:
        connection.execute("SELECT pg_stat_force_next_flush()")
    assert rows(database_url, DEADLOCKS) == before
