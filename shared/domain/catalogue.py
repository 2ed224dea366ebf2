"""What can be achieved: challenges, their goals, and the version of them all.

A catalogue is immutable. Every call and every batch of events is judged by one catalogue, so code takes it as an
argument and never asks for "the current one" twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import NamedTuple

from shared.domain.periods import Schedule

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
    points: int = 0
    """What completing it adds to the player's points: 0 to `AMOUNT_MAX`."""
    tags: tuple[str, ...] = ()
    """By which statistics and leaderboards group goals of different challenges."""


class ScopeKind(StrEnum):
    """What kind of goals count; the value is what the database stores."""

    ALL = "all"
    CHALLENGE = "challenge"
    TAG = "tag"


class Scope(NamedTuple):
    """Which goals count for a statistic."""

    kind: ScopeKind
    id: str
    """Of the challenge, or the tag itself; empty exactly for `ALL`."""


EVERYTHING = Scope(ScopeKind.ALL, "")


def scopes_of(challenge_id: str | None, tags: Iterable[str]) -> tuple[Scope, ...]:
    """The scopes that a goal counts in. Without a challenge: it is not known any more."""
    challenge = (Scope(ScopeKind.CHALLENGE, challenge_id),) if challenge_id is not None else ()
    return (EVERYTHING, *challenge, *(Scope(ScopeKind.TAG, tag) for tag in tags))


class LeaderboardMeasure(StrEnum):
    """What players are ranked by; the value is what the database stores."""

    POINTS = "points"
    SUM = "sum"
    EVENTS = "events"
    HIGHEST = "highest"
    DAYS = "days"


@dataclass(frozen=True, slots=True)
class Leaderboard:
    """A leaderboard. Of players with the same score, whoever was first there stands first."""

    id: str
    name: str
    description: str
    measure: LeaderboardMeasure
    ranked: Scope | Stat
    """Whose points, if the measure is `POINTS`; else the stat whose tally has the measure."""
    schedule: Schedule = Schedule.LIFETIME
    """There is a ranking for each of its periods."""
    ascending: bool = False
    """The least score stands first."""
    shared_ranks: bool = True
    """Players with the same score have the same rank (1, 2, 2, 4); else whoever was first there has the better one."""


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
    leaderboards: tuple[Leaderboard, ...] = ()

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
        """What is tallied: the stats of all goals and boards, the declared ones, and logins, which statistics need."""
        declared = frozenset(Stat(Source.STAT, code) for code in self.declared_stats)
        return declared.union([LOGIN], self.leaderboard_schedules, (goal.stat for goal in self.goals.values()))

    @cached_property
    def day_counted(self) -> frozenset[Stat]:
        """The stats whose tallies keep the set of days; logins do in any case, for their streaks."""
        by_goals = frozenset(goal.stat for goal in self.goals.values() if goal.counting is Counting.DAYS)
        by_boards = (board.ranked for board in self.leaderboards if board.measure is LeaderboardMeasure.DAYS)
        return by_goals.union([LOGIN], (stat for stat in by_boards if isinstance(stat, Stat)))

    @cached_property
    def leaderboard_by_id(self) -> Mapping[str, Leaderboard]:
        """Every leaderboard by its id, in catalogue order."""
        return {board.id: board for board in self.leaderboards}

    @cached_property
    def leaderboards_over(self) -> Mapping[tuple[Scope | Stat, Schedule], tuple[Leaderboard, ...]]:
        """The boards that rank by each scope's points or stat's tally, and schedule."""
        boards: dict[tuple[Scope | Stat, Schedule], list[Leaderboard]] = {}
        for board in self.leaderboards:
            boards.setdefault((board.ranked, board.schedule), []).append(board)
        return {over: tuple(found) for over, found in boards.items()}

    @cached_property
    def leaderboard_schedules(self) -> Mapping[Stat, frozenset[Schedule]]:
        """The stats that boards rank by, each with the schedules of those boards."""
        schedules: dict[Stat, set[Schedule]] = {}
        for board in self.leaderboards:
            if isinstance(board.ranked, Stat):
                schedules.setdefault(board.ranked, set()).add(board.schedule)
        return {stat: frozenset(found) for stat, found in schedules.items()}

    @cached_property
    def points_schedules(self) -> Mapping[Scope, frozenset[Schedule]]:
        """The scopes whose points boards rank by, each with the schedules of those boards."""
        schedules: dict[Scope, set[Schedule]] = {}
        for board in self.leaderboards:
            if isinstance(board.ranked, Scope):
                schedules.setdefault(board.ranked, set()).add(board.schedule)
        return {scope: frozenset(found) for scope, found in schedules.items()}

    @cached_property
    def tally_schedules(self) -> Mapping[Stat, tuple[Schedule, ...]]:
        """The stats that are tallied by period as well, each with the schedules besides the lifetime."""
        by_period = {stat: sorted(found - {Schedule.LIFETIME}) for stat, found in self.leaderboard_schedules.items()}
        return {stat: tuple(schedules) for stat, schedules in by_period.items() if schedules}

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
