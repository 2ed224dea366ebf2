"""Goals of every kind at once: concurrent writers, reloads, activations, claims, refunds and corrections.

Transactions of all kinds lock in one order, each event counts once, and everything adds up afterwards.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TypeAlias
from uuid import uuid4

import pytest

from shared.domain.current_periods import current_periods
from shared.domain.errors import ChallengeError, DatabaseUnavailable, DeadlineExceeded, Overloaded
from shared.domain.events import CompletionKey, Event
from shared.domain.goal import TURNING_POINT, Aspect, CountedGoals, Counting, Credit, DerivedStat, Goal, Source
from shared.domain.grant_changes import Act, ActRefused, refunded
from shared.domain.grants import Granting
from shared.domain.instant import DAY
from shared.domain.operator_acts import Acting
from shared.domain.reward import ClaimMode, Reward, RewardType, Tier
from shared.domain.schedules import DAILY, WEEKLY
from shared.domain.streaks import StreakRule
from shared.operations.goals.activate import set_goal_active
from shared.operations.goals.initialize import initialize_player
from shared.operations.goals.keep_completions import keep_completions
from shared.operations.goals.select_goals import select_goals
from shared.operations.goals.set_attribute import set_attribute
from shared.operations.goals.view_player import view_player
from shared.operations.operators import goal_support
from shared.operations.operators.goal_support import GoalSupport, SupportRefused
from shared.operations.rewards import grant_admin
from shared.operations.rewards.claim import claim_reward
from shared.operations.rewards.claim_all import claim_all
from shared.operations.rewards.grant_admin import OperatorAction
from shared.operations.statistics.adjust_points import adjust_points
from shared.operations.statistics.recalculate import recalculate
from shared.postgres.database import Database
from shared.postgres.statistics.adjustments import NotedAdjustment
from tests.operations.events.test_concurrent_writers import at_once
from tests.support.databases import connected, flushed, opened, soon
from tests.support.deadlocks import assert_no_deadlock
from tests.support.goals import CHALLENGE_ID, catalogue_of, goal
from tests.support.goals_over_goals import goal_over
from tests.support.strategies import FIRST_DAY, KILLS, LOGIN_STAT

pytestmark = pytest.mark.usefixtures("patient_pool")

NOW = (FIRST_DAY + 2) * DAY
PLAYERS = [f"player {number}" for number in range(5)]
EVENTS = 24
"""The number of events of each stat for each player. Their values are the numbers below this."""
GROWN = EVENTS - 1 + 2
"""The highest value less the lowest opening: each event has brought 2."""

COINS = Reward(RewardType.WALLET, "COINS", 1)
PREMIUM = replace(COINS, id="GEMS", requires_attribute="premium")
MAPS = DerivedStat("maps", KILLS, (), Aspect.DISTINCT, "map")
BEST = DerivedStat("best", KILLS, (), Aspect.LOWEST)
GROWTH = DerivedStat("growth", KILLS, (), Aspect.GROWTH)
BOWS = DerivedStat("bows", KILLS, (("map", ("0", "1")),))
TIERS = (Tier("a", 8, (COINS,), points=1), Tier("b", 20, (COINS, PREMIUM), points=2), Tier("c", 48, (PREMIUM, COINS)))


def optional(each: Goal) -> Goal:
    """Return the goal with credit from the activation on, which players choose."""
    return replace(each, credit=Credit.FROM_ASSIGNMENT, default_assigned=False)


KINDS = (
    goal("sum", target=30),
    goal("events", counting=Counting.EVENTS, target=EVENTS, requires=("sum",)),
    replace(goal("auto", target=9), claim_mode=ClaimMode.AUTO, further_rewards=(COINS,), points=2),
    replace(goal("unlocked", target=1, requires=("auto",)), claim_mode=ClaimMode.AUTO),
    goal("highest", counting=Counting.HIGHEST, target=EVENTS - 1),
    goal("latest", counting=Counting.LATEST, target=5, default_assigned=False),
    goal("days", counting=Counting.DAYS, target=3),
    replace(goal("daily", target=4, schedule=DAILY), repeat=3, points=1, tags=("dailies",)),
    replace(goal("weekly", target=1, schedule=WEEKLY, default_assigned=False), further_rewards=(PREMIUM,)),
    replace(goal("repeats", target=6), repeat=8, tags=("pvp",), points=1),
    replace(goal("repeats automatically", target=12), repeat=4, claim_mode=ClaimMode.AUTO),
    replace(goal("tiers", target=48), tiers=TIERS, reward=COINS),
    replace(goal("streak", counting=Counting.STREAK, target=3), streak=StreakRule()),
    replace(goal("distinct", stat=MAPS.stat, counting=Counting.DISTINCT, target=EVENTS // 2), derived=MAPS),
    replace(goal("lowest", stat=BEST.stat, counting=Counting.LOWEST, target=1), derived=BEST, at_most=0),
    replace(goal("growth", stat=GROWTH.stat, counting=Counting.GROWTH, target=GROWN), derived=GROWTH),
    replace(goal("bows", stat=BOWS.stat, counting=Counting.EVENTS, target=4), derived=BOWS),
    optional(goal("quest", target=6)),
    optional(goal("daily quest", counting=Counting.EVENTS, target=2, schedule=DAILY)),
    goal("logins", stat=LOGIN_STAT, counting=Counting.DAYS, target=2),
    goal_over("over dailies", CountedGoals(tag="dailies"), 5, challenge_id=CHALLENGE_ID),
    goal_over("over all", CountedGoals(goal_ids=("sum", "repeats", "tiers")), 6, challenge_id=CHALLENGE_ID),
    goal_over("over over", CountedGoals(goal_ids=("over all", "over dailies")), 2, challenge_id=CHALLENGE_ID),
    goal_over("points", CountedGoals(), 6, source=Source.POINTS, challenge_id=CHALLENGE_ID),
)
FIRST = replace(catalogue_of(*KINDS), derived_stats=(MAPS, BEST, GROWTH, BOWS))


def reloaded() -> list[Goal]:
    """Return the goals as a later version has them: other targets, a further tier, more repeats, one suspended."""
    changes = {
        "sum": {"target": 20},
        "highest": {"target": 10},
        "repeats": {"repeat": 6},
        "distinct": {"target": 4},
        "auto": {"suspended": True},
        "tiers": {"tiers": (TIERS[0], replace(TIERS[1], target=16), TIERS[2], Tier("d", 60, (COINS,))), "target": 60},
    }
    return [replace(each, **changes.get(each.id, {})) for each in KINDS]  # type: ignore[arg-type]


VERSIONS = (FIRST, replace(FIRST, version="later", challenges=(replace(FIRST.challenges[0], goals=tuple(reloaded())),)))
OF_THE_DATABASE = (DatabaseUnavailable, DeadlineExceeded, Overloaded)
Deed: TypeAlias = Callable[[Database, random.Random], object]


def reported_events() -> list[Event]:
    """Return events of both stats for each player, on three days."""
    return [
        Event(f"{stat.code} {number}", player, NOW - number % 3 * DAY, stat, delta, value, (("map", f"{number}"),))
        for player in PLAYERS
        for number in range(EVENTS)
        for stat, delta, value in ((KILLS, 2, number * 7 % EVENTS), (LOGIN_STAT, None, None))
    ]


def switch(database: Database, chance: random.Random) -> None:
    catalogue = chance.choice(VERSIONS)
    each = chance.choice(list(catalogue.goals.values()))
    set_goal_active(database, catalogue, chance.choice(PLAYERS), each, chance.random() < 0.7, NOW, soon())


def select(database: Database, chance: random.Random) -> None:
    catalogue = chance.choice(VERSIONS)
    chosen = chance.sample(list(catalogue.goals), 4)
    replacing = chance.random() < 0.3
    challenge = catalogue.challenges[0]
    select_goals(database, catalogue, chance.choice(PLAYERS), challenge, chosen, replacing, None, NOW, soon())


def claim(database: Database, chance: random.Random) -> None:
    catalogue = chance.choice(VERSIONS)
    claim_reward(
        database, catalogue, chance.choice(PLAYERS), chance.choice(list(catalogue.goals.values())), None, NOW, soon()
    )


def claim_everything(database: Database, chance: random.Random) -> None:
    catalogue = chance.choice(VERSIONS)
    claim_all(database, catalogue, chance.choice(PLAYERS), catalogue.goals.values(), NOW, soon())


def log_in(database: Database, chance: random.Random) -> None:
    catalogue, player = chance.choice(VERSIONS), chance.choice(PLAYERS)
    current = current_periods(catalogue, NOW)
    view = initialize_player(database, player, None, NOW, soon(), current).view
    keep_completions(database, catalogue, player, view, current, NOW, soon(), Granting(NOW))


def refund(database: Database, chance: random.Random) -> None:
    grants = database.autocommit(
        lambda connection: connection.execute("SELECT grant_id FROM reward_outbox").fetchall(), soon()
    )
    if grants:
        action = OperatorAction(Act.REFUND, lambda status: refunded(status, NOW), "ada", "a test")
        grant_admin.perform(database, chance.choice(grants)[0], action, NOW, soon(), dry=False)


def correct(database: Database, chance: random.Random) -> None:
    catalogue = chance.choice(VERSIONS)
    each = chance.choice(list(catalogue.goals.values()))
    support = GoalSupport(catalogue, chance.choice(PLAYERS), each, Acting(NOW, "ada", "a test"))
    work = support.complete if chance.random() < 0.6 else support.reopen
    goal_support.perform(database, lambda connection: work(connection, None), soon(), dry=False)


def give(database: Database, chance: random.Random) -> None:
    set_attribute(database, FIRST, chance.choice(PLAYERS), "premium", NOW, soon(), present=chance.random() < 0.8)


def adjust(database: Database, chance: random.Random) -> None:
    noted = NotedAdjustment(NOW, chance.choice((-3, 2)), "ada", "a test")
    adjust_points(database, FIRST, chance.choice(PLAYERS), uuid4(), noted, soon())


DEEDS: tuple[Deed, ...] = (
    switch,
    switch,
    select,
    claim,
    claim,
    claim_everything,
    log_in,
    refund,
    correct,
    give,
    adjust,
)


@pytest.mark.parametrize("seed", range(2))
def test_everything_at_once_neither_deadlocks_nor_loses_anything(database_url: str, seed: int) -> None:
    named: Counter[CompletionKey] = Counter()

    def write(database: Database, chance: random.Random) -> None:
        # Every event goes to two of four writers.
        mine = [event for event in reported_events() if chance.random() < 0.5]
        chance.shuffle(mine)
        while mine:
            size = chance.randint(1, 30)
            named.update(
                done
                for outcome in flushed(database, chance.choice(VERSIONS), mine[:size], NOW)
                for done in outcome.completions
            )
            mine = mine[size:]

    def call(database: Database, chance: random.Random) -> None:
        for _ in range(40):
            try:
                chance.choice(DEEDS)(database, chance)
            except OF_THE_DATABASE:
                # A deadlock that was retried in vain, for example.
                raise
            except (ChallengeError, SupportRefused, ActRefused):
                continue

    with opened(database_url, pool_size=8) as database:
        for player in PLAYERS:
            initialize_player(database, player, None, NOW, soon())
        doers = [write] * 4 + [call] * 4
        at_once([partial(doer, database, random.Random(f"{seed} {n}")) for n, doer in enumerate(doers)])
        flushed(database, FIRST, reported_events(), NOW)

        for player in PLAYERS:
            tallies = view_player(database, player, soon()).tallies
            assert tallies[KILLS].measures[:3] == (2 * EVENTS, EVENTS, EVENTS - 1)
            assert tallies[MAPS.stat].measures.sum == EVENTS
            assert tallies[BEST.stat].measures.highest == TURNING_POINT
            assert tallies[GROWTH.stat].measures.sum == GROWN
            assert tallies[BOWS.stat].measures.events == 2
            assert tallies[LOGIN_STAT].measures.events == EVENTS
            claim_all(database, FIRST, player, FIRST.goals.values(), NOW, soon())
        assert recalculate(database, FIRST, PLAYERS, soon()) == []
        assert grant_admin.report(database, soon()).agrees
    assert named
    with connected(database_url) as connection:
        assert_no_deadlock(connection)
        twice = connection.execute(
            "SELECT count(*) FROM reward_outbox WHERE state <> 'REFUNDED'"
            " GROUP BY user_id, goal_id, period_start, occurrence, reward_number HAVING count(*) > 1"
        ).fetchall()
        assert twice == []
