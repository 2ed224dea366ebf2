"""Goals and small catalogues as domain values."""

from __future__ import annotations

from shared.domain.catalogue import Catalogue, Challenge
from shared.domain.goal import Counting, Goal, Source, Stat
from shared.domain.reward import Reward, RewardType
from shared.domain.schedules import LIFETIME, Schedule
from tests.support.strategies import KILLS

CHALLENGE_ID = "arena"


def goal(
    goal_id: str = "win",
    *,
    stat: Stat = KILLS,
    counting: Counting = Counting.SUM,
    target: int = 3,
    default_assigned: bool = True,
    requires: tuple[str, ...] = (),
    schedule: Schedule = LIFETIME,
) -> Goal:
    """Return a goal, active by default."""
    reward = Reward(RewardType.WALLET, "GEMS", 10)
    return Goal(
        goal_id, CHALLENGE_ID, "Win", "", stat, counting, target, reward, default_assigned, requires, schedule=schedule
    )


def catalogue_of(*goals: Goal) -> Catalogue:
    """Return a catalogue with these goals in one challenge."""
    codes = frozenset(goal.stat.code for goal in goals if goal.stat.source is Source.STAT)
    return Catalogue("by hand", (Challenge(CHALLENGE_ID, "Arena", "", goals),), codes)
