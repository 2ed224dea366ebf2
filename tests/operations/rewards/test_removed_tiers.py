"""Tiers that a catalogue does not have any more stand in the way of no event."""

from __future__ import annotations

from dataclasses import replace

from shared.domain.catalogue import Catalogue
from shared.domain.events import Event, Verdict
from shared.domain.goal import Source, Stat
from shared.domain.instant import DAY
from shared.domain.reward import ClaimMode, Reward, RewardType, Tier
from shared.operations.events.flush import Flush
from shared.postgres.database import Database
from tests.support.databases import connected, soon
from tests.support.goals import catalogue_of, goal
from tests.support.strategies import FIRST_DAY, KILLS

NOW = FIRST_DAY * DAY
OTHER = Stat(Source.STAT, "other")
REWARD = Reward(RewardType.ITEM, "MAP", 1)


def with_tiers(count: int) -> Catalogue:
    """Return a locked goal with tiers that are claimed automatically, and the goal that unlocks it."""
    tiers = tuple(Tier(f"tier-{number}", number, (REWARD,)) for number in range(1, count + 1))
    locked = replace(
        goal("pass", requires=("key",)), tiers=tiers, target=count, reward=REWARD, claim_mode=ClaimMode.AUTO
    )
    return catalogue_of(replace(goal("key", target=1), stat=OTHER), locked)


def test_an_event_that_unlocks_a_removed_tier_is_counted(database: Database, database_url: str) -> None:
    Flush(database, with_tiers(3), soon()).run([Event("1", "player", NOW, KILLS, delta=3)])
    [outcome] = Flush(database, with_tiers(2), soon()).run([Event("2", "player", NOW, OTHER, delta=1)])
    assert outcome is not None
    assert outcome.verdict is Verdict.APPLIED
    with connected(database_url) as connection:
        claimed = connection.execute("SELECT goal_id, occurrence FROM reward_outbox ORDER BY 2").fetchall()
    assert claimed == [("pass", 1), ("pass", 2)]
