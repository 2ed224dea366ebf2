"""Goals with a reward that can still be claimed are not replaced by other selections."""

from __future__ import annotations

from dataclasses import replace

from shared.domain.events import Event
from shared.domain.instant import DAY
from shared.domain.reward import Reward, RewardType
from shared.domain.schedules import DAILY
from shared.operations.goals.activate import set_goal_active
from shared.operations.goals.set_attribute import set_attribute
from shared.operations.goals.switch_goals import read_circumstances
from shared.operations.rewards.claim import claim_reward
from shared.postgres.database import Database
from tests.support.databases import soon
from tests.support.flushing import flush
from tests.support.goals import catalogue_of, goal
from tests.support.strategies import FIRST_DAY, KILLS

NOW = FIRST_DAY * DAY
PREMIUM = Reward(RewardType.ITEM, "CROWN", 1, requires_attribute="premium")


def test_a_reward_of_yesterday_that_was_bought_later_keeps_its_goal(database: Database) -> None:
    daily = replace(goal(default_assigned=False, schedule=DAILY), further_rewards=(PREMIUM,))
    catalogue = catalogue_of(daily)

    def rewarding() -> frozenset[str]:
        return database.transact(
            lambda connection: read_circumstances(
                connection, catalogue, "player", catalogue.challenges[0], NOW + DAY, replace=True
            ),
            soon(),
        ).rewarding

    set_goal_active(database, catalogue, "player", daily, True, NOW, soon())
    flush(database, catalogue, [Event("1", "player", NOW, KILLS, delta=5)], soon())
    assert rewarding() == {daily.id}
    claim_reward(database, catalogue, "player", daily, None, NOW, soon())
    assert rewarding() == frozenset()
    set_attribute(database, catalogue, "player", "premium", NOW, soon(), present=True)
    assert rewarding() == {daily.id}
