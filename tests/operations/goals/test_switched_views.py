"""A switch returns the goal as a list shows it afterwards, whatever the switch completes and claims."""

from __future__ import annotations

import random
from contextlib import suppress
from dataclasses import replace
from functools import partial

import pytest

from shared.domain.catalogue import Catalogue
from shared.domain.current_periods import current_periods
from shared.domain.errors import ChallengeError
from shared.domain.events import Event
from shared.domain.goal import CountedGoals, Credit, Goal
from shared.domain.instant import DAY, Instant
from shared.domain.operator_acts import Acting
from shared.domain.reward import ClaimMode, Reward, RewardType, Tier
from shared.domain.schedules import DAILY, WEEKLY
from shared.operations.goals.activate import set_goal_active
from shared.operations.goals.known_player import PlayerUnknown
from shared.operations.goals.view_player import view_player
from shared.operations.operators import goal_support
from shared.operations.operators.goal_support import GoalSupport, SupportRefused
from shared.operations.rewards.claim import claim_reward
from shared.operations.statistics.recalculate import recalculate
from shared.postgres.database import Database
from shared.postgres.goals import player_attributes
from shared.rpc.encoded_catalogue import EncodedCatalogue
from tests.support.databases import flushed, soon
from tests.support.goals import CHALLENGE_ID, catalogue_of, goal
from tests.support.goals_over_goals import goal_over
from tests.support.strategies import FIRST_DAY, KILLS

NOW: Instant = FIRST_DAY * DAY
PLAYER = "player"
STEPS = 30
SEEDS = 6
COINS = Reward(RewardType.WALLET, "COINS", 1)
PREMIUM = replace(COINS, requires_attribute="premium")
TIERS = (Tier("a", 1, (COINS, PREMIUM)), Tier("b", 2, (COINS,)), Tier("c", 5, (PREMIUM,)))


def kinds() -> list[Goal]:
    """Return a goal of each kind, not active by default."""
    plain = partial(goal, default_assigned=False)
    return [
        plain("plain", target=2),
        replace(plain("two", target=2), further_rewards=(COINS,)),
        replace(plain("premium", target=3), further_rewards=(PREMIUM,)),
        replace(plain("repeats", target=1), repeat=4),
        replace(plain("tiers", target=5), tiers=TIERS, reward=COINS),
        plain("daily", target=1, schedule=DAILY),
        plain("weekly", target=2, schedule=WEEKLY, requires=("daily",)),
        plain("locked", target=1, requires=("plain",)),
        replace(plain("own", target=2), credit=Credit.FROM_ASSIGNMENT),
    ]


def catalogue(chance: random.Random) -> Catalogue:
    """Return a catalogue in which some goals are claimed automatically."""
    over = replace(
        goal_over("over", CountedGoals(goal_ids=("plain", "two", "daily")), 2, challenge_id=CHALLENGE_ID),
        default_assigned=chance.random() < 0.5,
    )
    after = goal("after", target=1, default_assigned=False, requires=("over",))
    return catalogue_of(
        *(
            replace(each, claim_mode=chance.choice((ClaimMode.AUTO, each.claim_mode)))
            for each in (*kinds(), over, after)
        )
    )


@pytest.mark.parametrize("seed", range(SEEDS))
def test_a_switch_returns_what_a_list_shows(database: Database, seed: int) -> None:
    chance = random.Random(seed)
    played = catalogue(chance)
    encoded = EncodedCatalogue(played)
    now = NOW
    for step in range(STEPS):
        what = chance.choice(list(played.goals.values()))
        now += chance.choice((1, 1, 1, DAY))
        act = chance.randrange(8)
        if act == 0:
            flushed(database, played, [Event(f"{step}", PLAYER, now, KILLS, delta=1)], now=now)
        elif act == 1:
            with suppress(ChallengeError):
                claim_reward(database, played, PLAYER, what, None, now, soon())
        elif act == 2:
            work = GoalSupport(played, PLAYER, what, Acting(now, "ada", "a test"))
            act_on = chance.choice((work.reopen, work.complete))
            with suppress(SupportRefused, PlayerUnknown):
                goal_support.perform(database, partial(act_on, occurrence=None), soon(), dry=False)
        elif act == 3 and chance.random() < 0.3:
            database.autocommit(lambda c: player_attributes.give(c, PLAYER, "premium", now), soon())  # noqa: B023
        else:
            view = set_goal_active(database, played, PLAYER, what, chance.random() < 0.7, now, soon())
            stored = view_player(database, PLAYER, soon(), current_periods(played, now))
            assert encoded.set_goal(what, view) == encoded.set_goal(what, stored), (seed, step, what.id)
    assert recalculate(database, played, [PLAYER], soon()) == []
