"""Statistics of draws: what many players would get from a pool."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple

from shared.domain.instant import Instant, Period
from shared.domain.pools import PoolInUse, Pools

REPEATS_PLAYERS_MIN = 200
"""Minimum number of players whose past periods are drawn, too."""


class PoolPreview(NamedTuple):
    """The goals that players would get in one period."""

    period: Period
    shares: Mapping[str, float]
    """The share of players who get a goal, from 0 to 1, by the ids of all goals that take part."""
    repeating: float
    """The share of players who get a goal that they have had within the periods in which it should not return."""
    short: float
    """The share of players who get fewer goals than the pool selects."""


def preview(pools: Pools, pool: PoolInUse, period: Period, players: int) -> PoolPreview:
    """Return what a number of players who have named no zone would get in a period of a pool."""
    version = pool.version_of_period(period.start)
    counts = Counter(dict.fromkeys(version.joined(period.start, pool.present), 0))
    before = _starts_before(pool, period.start, version.no_repeat)
    # Past periods cost as much each, and a share needs fewer players than those of many goals.
    asked = max(REPEATS_PLAYERS_MIN, players // (len(before) + 1))
    short = repeating = sampled = 0
    for number in range(players):
        user_id = f"player-{number}"
        selection = pools.selection(pool, user_id, period.start)
        counts.update(selection)
        short += len(selection) < version.select
        if before and sampled < asked:
            sampled += 1
            had = {goal_id for start in before for goal_id in pools.selection(pool, user_id, start)}
            repeating += not had.isdisjoint(selection)
    return PoolPreview(
        period,
        {goal_id: count / players for goal_id, count in counts.items()},
        repeating / sampled if sampled else 0.0,
        short / players,
    )


def _starts_before(pool: PoolInUse, start: Instant, count: int) -> list[Instant]:
    """Return the starts of as many periods before one, newest first."""
    starts: list[Instant] = []
    while len(starts) < count and (before := pool.schedule.last_before(start)) is not None:
        start = before.start
        starts.append(start)
    return starts
