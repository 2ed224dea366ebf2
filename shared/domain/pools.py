"""Pools: challenges of which each player has a few goals in each period, drawn from all of them.

A selection is a pure function of the database's secret, the player, the pool and the period. Nothing is stored until
the player replaces a goal of it.

Which goals take part in a period, and with which weights, is what the catalogue in use at its start said: the versions
of a pool are recorded with their instants. So a selection never changes within its period, whatever is changed in the
catalogue. Only a goal that is removed leaves it, and the next one in the order of the draw takes its place.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import NamedTuple

from shared.domain.draws import PeriodDraw, Weighted
from shared.domain.goal import Goal
from shared.domain.instant import Instant, Period
from shared.domain.player_zones import NO_ZONES, Zones
from shared.domain.schedules import Schedule

REROLLS_MAX = 100
"""Maximum budget of rerolls in a period."""
SELECTIONS_CACHED_MAX = 65_536
"""Maximum number of selections that a process remembers, of one player, pool and period each. They take 30 MB."""
DRAWS_CACHED_MAX = 1_024
"""Maximum number of draws of pools that are prepared, of one pool, period and history of zones each."""


@dataclass(frozen=True, slots=True)
class Pool:
    """The properties that make a challenge a pool."""

    select: int
    """Number of goals that a player has in a period: from 1 to the number of the challenge's goals."""
    no_repeat: int = 0
    """Number of further periods within which a goal does not return: 0 to `shared.domain.draws.NO_REPEAT_MAX`."""
    rerolls: int = 0
    """Number of goals that a player may replace in a period: 0 to `REROLLS_MAX`."""


class PoolGoal(NamedTuple):
    """A goal as it takes part in draws."""

    id: str
    weight: int
    joins: Instant
    """The goal takes part in periods that begin at this instant or later."""


class PoolVersion(NamedTuple):
    """The definition of a pool as far as draws depend on it."""

    select: int
    no_repeat: int
    goals: tuple[PoolGoal, ...]
    """Sorted by id, because their order in the catalogue does not matter. Suspended goals are not drawn."""

    def joined(self, start: Instant, present: Collection[str]) -> list[str]:
        """Return the goals that take part in a period, of those that are still in the catalogue."""
        return [goal.id for goal in self.goals if goal.joins <= start and goal.id in present]


class DatedVersion(NamedTuple):
    """A version of a pool, and since when it is in use."""

    since: Instant
    version: PoolVersion


def version_of(pool: Pool, goals: Iterable[Goal]) -> PoolVersion:
    """Return the version of a pool that a catalogue defines."""
    found = (PoolGoal(goal.id, goal.weight, goal.joins) for goal in goals if not goal.suspended)
    return PoolVersion(pool.select, pool.no_repeat, tuple(sorted(found)))


@dataclass(frozen=True)
class PoolInUse:
    """A pool of the catalogue in use, with its recorded versions."""

    challenge_id: str
    schedule: Schedule
    present: frozenset[str]
    """Ids of the challenge's goals."""
    versions: Sequence[DatedVersion]
    """Oldest first; at least one."""

    def version_of_period(self, instant: Instant) -> PoolVersion:
        """Return the version of the period that begins at an instant: the last one before it, or else the first one.

        One that comes at the very instant is too late: somebody may have seen the period already.
        """
        found = self.versions[0].version
        for since, version in self.versions:
            if since < instant:
                found = version
        return found


class Pools:
    """The pools of one catalogue version on one database. Thread-safe."""

    def __init__(self, secret: bytes, pools: Iterable[PoolInUse], *, cached_max: int = SELECTIONS_CACHED_MAX) -> None:
        """`secret` is the database's; whoever knows it can predict all selections."""
        self._secret = secret
        self.by_challenge: Mapping[str, PoolInUse] = {pool.challenge_id: pool for pool in pools}
        self._drawn = lru_cache(cached_max)(self._draw)
        self._draw_of = lru_cache(DRAWS_CACHED_MAX)(self._prepare)

    def order(self, pool: PoolInUse, user_id: str, start: Instant, zones: Zones) -> Iterator[str]:
        """Yield the goals of a pool in the order of a player's draw for the period that begins then."""
        return self._draw_of(pool.challenge_id, start, zones).order(self._secret, user_id, pool.challenge_id)

    def _prepare(self, challenge_id: str, start: Instant, zones: Zones) -> PeriodDraw:
        pool = self.by_challenge[challenge_id]
        version = pool.version_of_period(start)
        number = pool.schedule.of_player(zones).number_at(start)
        items = (Weighted(goal.id, goal.weight) for goal in version.goals)
        return PeriodDraw(items, frozenset(version.joined(start, pool.present)), number, version.no_repeat)

    def selection(
        self,
        pool: PoolInUse,
        user_id: str,
        start: Instant,
        zones: Zones = NO_ZONES,
        stored: Sequence[str] | None = None,
    ) -> tuple[str, ...]:
        """Return the goals that a player has in the period of a pool that begins then.

        `stored` are the goals that are stored since the player replaced some. Where one of them is no longer in the
        catalogue, the next one in the order of the draw takes its place.
        """
        # Zones make no difference to most schedules, and would make each player's history a key of its own.
        if not pool.schedule.by_player:
            zones = NO_ZONES
        if stored is None:
            return self._drawn(pool.challenge_id, user_id, start, zones)
        kept = [goal_id for goal_id in stored if goal_id in pool.present]
        if len(kept) < len(stored):
            others = (goal_id for goal_id in self.order(pool, user_id, start, zones) if goal_id not in stored)
            kept += islice(others, len(stored) - len(kept))
        return tuple(kept)

    def selected(
        self,
        user_id: str,
        periods: Mapping[str, Period],
        zones: Zones,
        stored: Mapping[tuple[str, Instant], Sequence[str]],
    ) -> frozenset[str]:
        """Return the goals that a player has in these periods, which are given by schedule text, of all pools.

        `stored` are the stored ones by challenge id and start. Pools without a period have no goals.
        """
        found: list[str] = []
        for challenge_id, pool in self.by_challenge.items():
            period = periods.get(pool.schedule.text)
            if period is not None:
                start = period.start
                found += self.selection(pool, user_id, start, zones, stored.get((challenge_id, start)))
        return frozenset(found)

    def _draw(self, challenge_id: str, user_id: str, start: Instant, zones: Zones) -> tuple[str, ...]:
        pool = self.by_challenge[challenge_id]
        return tuple(islice(self.order(pool, user_id, start, zones), pool.version_of_period(start).select))
