"""Previews of pools: shares follow the weights, and small pools are noticed."""

from __future__ import annotations

import pytest

from shared.domain.instant import DAY, Instant, Period
from shared.domain.pool_preview import PoolPreview, preview
from shared.domain.pools import DatedVersion, PoolGoal, PoolInUse, Pools, PoolVersion
from shared.domain.schedules import DAILY
from tests.support.strategies import FIRST_DAY

NOW: Instant = FIRST_DAY * DAY
SECRET = b"0123456789abcdef0123456789abcdef"
PLAYERS = 2_000


def previewed(*weights: int, select: int = 1, no_repeat: int = 0) -> PoolPreview:
    """Return the preview of a pool of goals with these weights."""
    goals = tuple(PoolGoal(f"goal-{number}", weight, 0) for number, weight in enumerate(weights))
    version = DatedVersion(0, PoolVersion(select, no_repeat, goals))
    pool = PoolInUse("pool", DAILY, frozenset(goal.id for goal in goals), [version])
    return preview(Pools(SECRET, [pool]), pool, Period(NOW, NOW + DAY), PLAYERS)


def test_shares_follow_the_weights() -> None:
    assert previewed(1, 3).shares == pytest.approx({"goal-0": 0.25, "goal-1": 0.75}, abs=0.04)
    found = previewed(1, 1, 1, 1, select=2)
    assert sum(found.shares.values()) == pytest.approx(2)
    assert (found.short, found.repeating) == (0, 0)


def test_repeats_of_small_pools_are_counted() -> None:
    small, large = previewed(*[1] * 4, select=2, no_repeat=1), previewed(*[1] * 40, select=2, no_repeat=1)
    assert small.repeating > 0.3
    assert large.repeating == 0
    assert previewed(1, no_repeat=1).repeating == 1


def test_pools_with_fewer_goals_than_they_select_are_counted() -> None:
    assert previewed(1, 1, select=3).short == 1
