"""Preview of a pool: the goals that many players would get, as shares of the players."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple

from shared.domain.instant import Instant, Period
from shared.domain.pools import PoolInUse, Pools

REPEATS_PLAYERS_MIN = 200
"""Minimum number of players whose past periods are drawn, too, to count repeats."""


class PoolPreview(NamedTuple):
    """The shares of players, from 0 to 1, who would get each goal, a repeated goal, or too few goals in one period."""

    period: Period
    shares: Mapping[str, float]
    """The share of players who get the goal, by goal id, for all goals that take part in the period."""
    repeating: float
    """The share of players who get a goal that they have had within the periods in which it should not return."""
    short: float
    """The share of players who get fewer goals than the pool selects."""


def preview(pools: Pools, pool: PoolInUse, period: Period, players: int) -> PoolPreview:
    """Return the preview of a period of a pool.

    It draws for `players` made-up players who have named no zone, at least 1.
    """
    version = pool.version_of_period(period.start)
    counts = Counter(dict.fromkeys(version.joined(period.start, pool.present), 0))
    before = _starts_before(pool, period.start, version.no_repeat)
    # Each past period costs as much as the period itself, and one share needs fewer players than the shares of goals.
    sample_size = max(REPEATS_PLAYERS_MIN, players // (len(before) + 1))
    short = repeating = sampled = 0
    for number in range(players):
        user_id = f"player-{number}"
        selection = pools.selection(pool, user_id, period.start)
        counts.update(selection)
        short += len(selection) < version.select
        if before and sampled < sample_size:
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
    """Return the starts of at most `count` periods before the one that starts at `start`, newest first."""
    starts: list[Instant] = []
    while len(starts) < count and (before := pool.schedule.last_before(start)) is not None:
        start = before.start
        starts.append(start)
    return starts
