"""What can be achieved: challenges, their goals, and the version of them all.

A catalogue is immutable. Every call and every batch of events is judged by one catalogue, so code takes it as an
argument and never asks for "the current one" twice.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import NamedTuple

AMOUNT_MAX = 2**40
"""Greatest target, quantity, delta and absolute value: sums of 2^22 such amounts still fit `SUM_MAX`."""


class Source(StrEnum):
    """Where events come from; the value is what the database stores."""

    LOGIN = "login"
    STAT = "stat"


PRIORITY_FIRST = 1
PRIORITY_LAST = 9
PRIORITY_DEFAULT = 5


class Counting(StrEnum):
    """How events add up to progress; the rules are in `shared.domain.tally`."""

    LATEST = "latest"
    HIGHEST = "highest"
    SUM = "sum"
    EVENTS = "events"
    DAYS = "days"


class RewardType(StrEnum):
    """What a reward is; the value is what catalogues and the database write."""

    ITEM = "ITEM"
    WALLET = "WALLET"


class Stat(NamedTuple):
    """What a tally is kept of: a login never moves a stat of the same name."""

    source: Source
    code: str
    """Empty exactly when the source is `LOGIN`."""


LOGIN = Stat(Source.LOGIN, "")


@dataclass(frozen=True, slots=True)
class Reward:
    """What a completed goal earns; `quantity` is 1 to `AMOUNT_MAX`."""

    type: RewardType
    id: str
    quantity: int
    priority: int = PRIORITY_DEFAULT
    """Which of the grants that wait is delivered first: `PRIORITY_FIRST` to `PRIORITY_LAST`."""


@dataclass(frozen=True, slots=True)
class Goal:
    """One thing to achieve. Its id is for ever; source, stat and counting under one id never change."""

    id: str
    challenge_id: str
    name: str
    description: str
    stat: Stat
    counting: Counting
    target: int
    reward: Reward
    default_assigned: bool = False
    requires: tuple[str, ...] = ()


class Ladder(NamedTuple):
    """The goals on one stat that are judged by one measure, by rising target: what lies between two values is found by
    bisection.
    """

    counting: Counting
    """`latest` is judged by the same measure as `highest` and stands under it."""
    targets: tuple[int, ...]
    goals: tuple[Goal, ...]


@dataclass(frozen=True, slots=True)
class Challenge:
    """A set of goals, in the order in which players see them."""

    id: str
    name: str
    description: str
    goals: tuple[Goal, ...]


@dataclass(frozen=True, eq=False)
class Catalogue:
    """All definitions of one version, from parts that the loader has validated. Two with one version are the same."""

    version: str
    """Hash of the content: equal exactly when the definitions are."""
    challenges: tuple[Challenge, ...]
    declared_stats: frozenset[str] = frozenset()
    """Stat codes that are tallied although no goal may watch them yet."""

    @cached_property
    def goals(self) -> Mapping[str, Goal]:
        """Every goal by its id, in catalogue order."""
        return {goal.id: goal for challenge in self.challenges for goal in challenge.goals}

    @cached_property
    def challenge_by_id(self) -> Mapping[str, Challenge]:
        """Every challenge by its id, in catalogue order."""
        return {challenge.id: challenge for challenge in self.challenges}

    @cached_property
    def default_goals(self) -> tuple[Goal, ...]:
        """The goals that are active for a player without a row."""
        return tuple(goal for goal in self.goals.values() if goal.default_assigned)

    @cached_property
    def wanted(self) -> frozenset[Stat]:
        """What is tallied: the stats of all goals, and the declared ones."""
        declared = frozenset(Stat(Source.STAT, code) for code in self.declared_stats)
        return declared.union(goal.stat for goal in self.goals.values())

    @cached_property
    def day_counted(self) -> frozenset[Stat]:
        """The stats whose tallies keep the set of days."""
        return frozenset(goal.stat for goal in self.goals.values() if goal.counting is Counting.DAYS)

    @cached_property
    def ladders(self) -> Mapping[Stat, tuple[Ladder, ...]]:
        """The goals on each stat, one ladder for each measure."""
        rungs: dict[Stat, dict[Counting, list[Goal]]] = {}
        for goal in sorted(self.goals.values(), key=lambda goal: goal.target):
            judged_as = Counting.HIGHEST if goal.counting is Counting.LATEST else goal.counting
            rungs.setdefault(goal.stat, {}).setdefault(judged_as, []).append(goal)
        return {
            stat: tuple(
                Ladder(counting, tuple(goal.target for goal in goals), tuple(goals))
                for counting, goals in by_counting.items()
            )
            for stat, by_counting in rungs.items()
        }
