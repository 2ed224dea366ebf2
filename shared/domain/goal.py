"""Goals: what to do, and the reward for it."""

from __future__ import annotations

import hashlib
import json
from bisect import bisect_right
from dataclasses import dataclass, field
from enum import StrEnum
from operator import attrgetter
from typing import NamedTuple

from shared.domain.instant import Instant
from shared.domain.reward import ClaimMode, Meta, Reward, Tier
from shared.domain.schedules import LIFETIME, Schedule
from shared.domain.streaks import StreakRule

AMOUNT_MAX = 2**40
"""Maximum target, quantity, delta and absolute value. Sums of 2^22 such amounts still fit `SUM_MAX`."""


class Source(StrEnum):
    """The origin of events. Values are stored in the database."""

    LOGIN = "login"
    STAT = "stat"
    DERIVED = "derived"
    """Events of a stat that have certain attributes. No event names it, nor the next two."""
    GOAL = "goal"
    """Completions of other goals."""
    POINTS = "points"
    """Points of other goals' completions, and points that operators give."""

    # Stats are keys of nearly every dictionary on the way of an event, and an enum's own hash is a Python function.
    __hash__ = str.__hash__


REPEAT_MAX = 100
"""Maximum number of times that a goal can be completed in a period."""


class Counting(StrEnum):
    """The way events add up to progress; `shared.domain.tally` has the rules."""

    LATEST = "latest"
    HIGHEST = "highest"
    SUM = "sum"
    EVENTS = "events"
    DAYS = "days"
    DISTINCT = "distinct"
    LOWEST = "lowest"
    GROWTH = "growth"
    STREAK = "streak"

    __hash__ = str.__hash__


class Credit(StrEnum):
    """The part of a tally that a goal counts. Values are written in catalogues."""

    EVERYTHING = "everything"
    FROM_ASSIGNMENT = "from_assignment"
    """Only what is merged after the goal was last activated."""


class Stat(NamedTuple):
    """The key of a tally within a player. A login never changes a stat of the same name."""

    source: Source
    code: str
    """Empty exactly when the source is `LOGIN`."""


LOGIN = Stat(Source.LOGIN, "")


_DIGEST_BYTES = 8


class Aspect(StrEnum):
    """The part of an event that a derived stat sees. Values are parts of stored keys."""

    ALL = ""
    """Everything."""
    DISTINCT = "distinct"
    """The value of one attribute: each different one adds 1 to the sum."""
    LOWEST = "lowest"
    """The value, turned over: the greatest is that of the lowest value."""
    GROWTH = "growth"
    """The value and the value before it: the sum is how far the highest is above the lowest before an event."""


@dataclass(frozen=True, slots=True)
class DerivedStat:
    """A derived stat: the events of a stat that have certain attributes, or one aspect of them."""

    id: str
    """As goals name it; for an aspect the id of the stat, plain or derived, that it is an aspect of."""
    base: Stat
    """The stat that events name, or logins."""
    where: tuple[tuple[str, tuple[str, ...]], ...]
    """Attributes, each with the values of which an event has one; sorted. Empty only for an aspect."""
    aspect: Aspect = Aspect.ALL
    attribute: str = ""
    """The attribute whose values are counted; for `DISTINCT` alone."""

    stat: Stat = field(init=False)
    """The key of its tallies. It contains the definition: with another one, nothing is tallied yet."""

    def __post_init__(self) -> None:
        canonical = json.dumps([self.base, self.where, self.attribute], separators=(",", ":"))
        digest = hashlib.blake2b(canonical.encode("ascii"), digest_size=_DIGEST_BYTES)
        stat = Stat(Source.DERIVED, f"{self.id}:{self.aspect}{digest.hexdigest()}")
        object.__setattr__(self, "stat", stat)


def written_code(stat: Stat) -> str:
    """Return the stat as catalogues write it: a derived one by its id."""
    return stat.code.rpartition(":")[0] if stat.source is Source.DERIVED else stat.code


def is_aspect(stat: Stat) -> bool:
    """Return True if this is the key of a stat's aspect, which only goals look at."""
    return stat.source is Source.DERIVED and len(stat.code.rpartition(":")[2]) > 2 * _DIGEST_BYTES


TURNING_POINT = 2 * AMOUNT_MAX
"""Lowest values are tallied as their distance from here, which is always above 0: measures never decrease."""
DISTINCT_MAX = 1_000
"""Maximum number of distinct values that are counted."""


class CountedGoals(NamedTuple):
    """The goals that a goal over goals or over points counts: all, those of a challenge or with a tag, or a list."""

    challenge_id: str = ""
    tag: str = ""
    goal_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Goal:
    """A goal. Its id is permanent: source, stat, counting and schedule never change under one id."""

    id: str
    challenge_id: str
    name: str
    description: str
    stat: Stat
    counting: Counting
    target: int
    reward: Reward
    """The first of its rewards."""
    default_assigned: bool = False
    requires: tuple[str, ...] = ()
    points: int = 0
    """Points for completing the goal: 0 to `AMOUNT_MAX`."""
    schedule: Schedule = LIFETIME
    """The goal has progress and a completion of its own in each period of this schedule."""
    suspended: bool = False
    """True if nothing completes the goal any more. What is completed can still be claimed."""
    tags: tuple[str, ...] = ()
    """Groups of goals across challenges, for statistics and leaderboards."""
    claim_mode: ClaimMode = ClaimMode.MANUAL
    in_pool: bool = False
    """True if its challenge is a pool: then it is active in the periods for which it is drawn."""
    weight: int = 1
    """Weight in draws, from 1 to `shared.domain.draws.WEIGHT_MAX`."""
    joins: Instant = 0
    """A goal of a pool takes part in periods that begin at this instant or later."""
    requires_to_activate: tuple[str, ...] = ()
    """Goals that must be completed before this one can be activated."""
    derived: DerivedStat | None = None
    """The definition of its stat, if it is a derived one."""
    at_most: int | None = None
    """The value to reach or to stay below, 0 to `AMOUNT_MAX`; exactly for `LOWEST`, whose target is 1."""
    counts: CountedGoals | None = None
    """The goals whose completions or points it counts. Set exactly if its source is `GOAL` or `POINTS`."""
    hidden: bool = False
    """True if lists leave it out until it is completed."""
    meta: Meta = ()
    repeat: int = 1
    """Number of times that the goal can be completed in a period, up to `REPEAT_MAX`: its n-th occurrence is completed
    at n times the target."""
    credit: Credit = Credit.EVERYTHING
    """`FROM_ASSIGNMENT` only for `SUM`, `EVENTS` and `DAYS`, of goals that players activate."""
    streak: StreakRule | None = None
    """Which days do not end a streak; exactly for `STREAK`."""
    further_rewards: tuple[Reward, ...] = ()
    """The rewards in addition to `reward`, in the order of their numbers from 2, up to `REWARDS_MAX`."""
    tiers: tuple[Tier, ...] = ()
    """Up to `TIERS_MAX` steps, each with rewards and points of its own; `reward` is then the first of the first tier,
    `target` that of the last tier, and `repeat` 1."""

    # Lists look at these of every goal, so they are computed once.
    steps: int = field(init=False, repr=False, compare=False)
    """The number of times that it can be completed in a period: the number of its tiers, or `repeat`."""
    threshold: int = field(init=False, repr=False, compare=False)
    """The measure at which it is completed, or completed for the first time."""
    has_plain_reward: bool = field(init=False, repr=False, compare=False)
    """True if each step has one reward, for everybody."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "steps", len(self.tiers) or self.repeat)
        threshold = self.target if self.at_most is None else TURNING_POINT - self.at_most
        object.__setattr__(self, "threshold", self.tiers[0].target if self.tiers else threshold)
        rewards_of_steps = [tier.rewards for tier in self.tiers] or [(self.reward, *self.further_rewards)]
        plain = all(len(rewards) == 1 and not rewards[0].requires_attribute for rewards in rewards_of_steps)
        object.__setattr__(self, "has_plain_reward", plain)

    @property
    def all_rewards(self) -> tuple[Reward, ...]:
        """The rewards of all steps, those of equal steps once."""
        return tuple(reward for tier in self.tiers for reward in tier.rewards) or self.rewards_of(1)

    @property
    def has_points(self) -> bool:
        """True if some step has points."""
        return self.points > 0 or any(tier.points for tier in self.tiers)

    def rewards_of(self, occurrence: int) -> tuple[Reward, ...]:
        """Return all rewards of a step, in the order of their numbers."""
        return self.tiers[occurrence - 1].rewards if self.tiers else (self.reward, *self.further_rewards)

    def points_of(self, occurrence: int) -> int:
        """Return the points of a step."""
        return self.tiers[occurrence - 1].points if self.tiers else self.points

    def target_of(self, occurrence: int) -> int:
        """Return the measure at which a step is completed."""
        return self.tiers[occurrence - 1].target if self.tiers else self.threshold * occurrence

    def steps_reached(self, measure: int) -> int:
        """Return the number of steps that are completed at this measure."""
        if self.tiers:
            return bisect_right(self.tiers, measure, key=attrgetter("target"))
        return min(measure // self.threshold, self.repeat)
