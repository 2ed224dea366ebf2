"""What can be achieved: challenges, their goals, and the version of them all.

A catalogue is immutable. Every call and every batch of events is judged by one catalogue, so code takes it as an
argument and never asks for "the current one" twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple

AMOUNT_MAX = 2**40
"""Greatest target, quantity, delta and absolute value: sums of 2^22 such amounts still fit `SUM_MAX`."""


class Source(StrEnum):
    """Where events come from; the value is what the database stores."""

    LOGIN = "login"
    STAT = "stat"


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


@dataclass(frozen=True, slots=True)
class Challenge:
    """A set of goals, in the order in which players see them."""

    id: str
    name: str
    description: str
    goals: tuple[Goal, ...]


@dataclass(frozen=True)
class Catalogue:
    """All definitions of one version. Build it with `of`, from parts that the loader has validated."""

    version: str
    """Hash of the content: equal exactly when the definitions are."""
    challenges: tuple[Challenge, ...]
    declared_stats: frozenset[str] = frozenset()
    """Stat codes that are tallied although no goal may watch them yet."""

    goals: Mapping[str, Goal] = field(init=False, repr=False, compare=False)
    """Every goal by its id, in catalogue order."""
    challenge_by_id: Mapping[str, Challenge] = field(init=False, repr=False, compare=False)
    wanted: frozenset[Stat] = field(init=False, repr=False, compare=False)
    """What is tallied: the stats of all goals, and the declared ones."""
    day_counted: frozenset[Stat] = field(init=False, repr=False, compare=False)
    """The stats whose tallies keep the set of days."""
    default_goals: tuple[Goal, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        goals = {goal.id: goal for challenge in self.challenges for goal in challenge.goals}
        derived = {
            "goals": MappingProxyType(goals),
            "challenge_by_id": MappingProxyType({challenge.id: challenge for challenge in self.challenges}),
            "wanted": frozenset(goal.stat for goal in goals.values())
            | {Stat(Source.STAT, code) for code in self.declared_stats},
            "day_counted": frozenset(goal.stat for goal in goals.values() if goal.counting is Counting.DAYS),
            "default_goals": tuple(goal for goal in goals.values() if goal.default_assigned),
        }
        for name, value in derived.items():
            object.__setattr__(self, name, value)

    def goals_on(self, stat: Stat) -> Iterator[Goal]:
        """The goals that watch `stat`, in catalogue order."""
        return (goal for goal in self.goals.values() if goal.stat == stat)

    @classmethod
    def of(cls, version: str, challenges: Iterable[Challenge], declared_stats: Iterable[str] = ()) -> Catalogue:
        """A catalogue of these challenges; ids must be unique."""
        return cls(version, tuple(challenges), frozenset(declared_stats))
