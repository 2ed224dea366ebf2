"""The catalogue: challenges, goals and leaderboards of one version.

A catalogue is immutable. Every call and every batch of events uses one catalogue from beginning to end, so code takes
it as an argument instead of reading the current one twice.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from operator import attrgetter
from typing import NamedTuple, TypeVar

from shared.domain.schedules import LIFETIME, Schedule
from shared.domain.seasons import Season

AMOUNT_MAX = 2**40
"""Maximum target, quantity, delta and absolute value. Sums of 2^22 such amounts still fit `SUM_MAX`."""


class Source(StrEnum):
    """The origin of events. Values are stored in the database."""

    LOGIN = "login"
    STAT = "stat"


PRIORITY_FIRST = 1
PRIORITY_LAST = 9
PRIORITY_DEFAULT = 5


class Counting(StrEnum):
    """The way events add up to progress; `shared.domain.tally` has the rules."""

    LATEST = "latest"
    HIGHEST = "highest"
    SUM = "sum"
    EVENTS = "events"
    DAYS = "days"


class RewardType(StrEnum):
    """The kind of a reward. Values are written in catalogues and stored in the database."""

    ITEM = "ITEM"
    WALLET = "WALLET"


class Stat(NamedTuple):
    """The key of a tally within a player. A login never changes a stat of the same name."""

    source: Source
    code: str
    """Empty exactly when the source is `LOGIN`."""


LOGIN = Stat(Source.LOGIN, "")


@dataclass(frozen=True, slots=True)
class Reward:
    """The reward of a completed goal; `quantity` is 1 to `AMOUNT_MAX`."""

    type: RewardType
    id: str
    quantity: int
    priority: int = PRIORITY_DEFAULT
    """Delivery order among waiting grants: `PRIORITY_FIRST` to `PRIORITY_LAST`."""


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


class ScopeKind(StrEnum):
    """The kind of a scope. Values are stored in the database."""

    ALL = "all"
    CHALLENGE = "challenge"
    TAG = "tag"


class Scope(NamedTuple):
    """A set of goals that count for a statistic."""

    kind: ScopeKind
    id: str
    """The challenge id or the tag; empty exactly for `ALL`."""


EVERYTHING = Scope(ScopeKind.ALL, "")


def scopes_of(challenge_id: str | None, tags: Iterable[str]) -> tuple[Scope, ...]:
    """Return the scopes a goal counts in. `challenge_id` is None if the challenge is no longer known."""
    challenge = (Scope(ScopeKind.CHALLENGE, challenge_id),) if challenge_id is not None else ()
    return (EVERYTHING, *challenge, *(Scope(ScopeKind.TAG, tag) for tag in tags))


_Ranked = TypeVar("_Ranked", Scope, Stat)


class LeaderboardMeasure(StrEnum):
    """The measure that players are ranked by. Values are stored in the database."""

    POINTS = "points"
    SUM = "sum"
    EVENTS = "events"
    HIGHEST = "highest"
    DAYS = "days"


@dataclass(frozen=True, slots=True)
class Leaderboard:
    """A leaderboard. Of players with the same score, the one who reached it first is ahead."""

    id: str
    name: str
    description: str
    measure: LeaderboardMeasure
    ranked: Scope | Stat
    """The scope whose points count if the measure is `POINTS`, else the stat whose tally has the measure."""
    schedule: Schedule = LIFETIME
    """The leaderboard has one ranking for each period of this schedule."""
    ascending: bool = False
    """True if the lowest score is first."""
    shared_ranks: bool = True
    """True if equal scores share a rank (1, 2, 2, 4); otherwise the player who was first has the better rank."""


class Ladder(NamedTuple):
    """The goals on one stat judged by one measure, by ascending target, so that bisection finds those in a range."""

    counting: Counting
    """`HIGHEST` for goals that count `latest` too, because the same measure judges both."""
    targets: tuple[int, ...]
    goals: tuple[Goal, ...]


@dataclass(frozen=True, slots=True)
class Challenge:
    """A challenge; its goals are in the order players see them."""

    id: str
    name: str
    description: str
    goals: tuple[Goal, ...]


@dataclass(frozen=True, eq=False)
class Catalogue:
    """All definitions of one version, from parts the loader has validated. Equal versions mean equal definitions."""

    version: str
    """Hash of the definitions."""
    challenges: tuple[Challenge, ...]
    declared_stats: frozenset[str] = frozenset()
    """Stat codes that are tallied even if no goal uses them yet."""
    leaderboards: tuple[Leaderboard, ...] = ()
    schedules: tuple[Schedule, ...] = ()
    """The schedules that have an id, whether they are used or not."""
    seasons: tuple[Season, ...] = ()

    @cached_property
    def goals(self) -> Mapping[str, Goal]:
        """All goals by id, in catalogue order."""
        return {goal.id: goal for challenge in self.challenges for goal in challenge.goals}

    @cached_property
    def challenge_by_id(self) -> Mapping[str, Challenge]:
        """All challenges by id, in catalogue order."""
        return {challenge.id: challenge for challenge in self.challenges}

    @cached_property
    def default_goals(self) -> tuple[Goal, ...]:
        """The goals that are active for a player without a row."""
        return tuple(goal for goal in self.goals.values() if goal.default_assigned)

    @cached_property
    def required_across_schedules(self) -> tuple[str, ...]:
        """The goals with a schedule that goals of another schedule require: to have been completed ever is enough."""
        goals = self.goals
        required = ((goals[other], goal) for goal in goals.values() for other in goal.requires)
        return tuple(sorted({other.id for other, goal in required if other.schedule not in (LIFETIME, goal.schedule)}))

    @cached_property
    def wanted(self) -> frozenset[Stat]:
        """The stats that are tallied: those of goals and leaderboards, declared ones, and logins for statistics."""
        declared = frozenset(Stat(Source.STAT, code) for code in self.declared_stats)
        return declared.union([LOGIN], self.leaderboard_schedules, (goal.stat for goal in self.goals.values()))

    @cached_property
    def day_counted(self) -> frozenset[Stat]:
        """The stats whose tallies keep the set of days; logins always do, for streaks."""
        by_goals = frozenset(goal.stat for goal in self.goals.values() if goal.counting is Counting.DAYS)
        by_boards = (board.ranked for board in self.leaderboards if board.measure is LeaderboardMeasure.DAYS)
        return by_goals.union([LOGIN], (stat for stat in by_boards if isinstance(stat, Stat)))

    @cached_property
    def leaderboard_by_id(self) -> Mapping[str, Leaderboard]:
        """All leaderboards by id, in catalogue order."""
        return {board.id: board for board in self.leaderboards}

    @cached_property
    def leaderboards_over(self) -> Mapping[tuple[Scope | Stat, str], tuple[Leaderboard, ...]]:
        """The leaderboards by what they rank (a scope's points or a stat's tally) and by their schedule's text."""
        boards: dict[tuple[Scope | Stat, str], list[Leaderboard]] = {}
        for board in self.leaderboards:
            boards.setdefault((board.ranked, board.schedule.text), []).append(board)
        return {over: tuple(found) for over, found in boards.items()}

    @cached_property
    def leaderboard_schedules(self) -> Mapping[Stat, frozenset[Schedule]]:
        """The stats that leaderboards rank by, each with the schedules of those leaderboards."""
        return self._schedules_over(Stat)

    @cached_property
    def points_schedules(self) -> Mapping[Scope, frozenset[Schedule]]:
        """The scopes whose points leaderboards rank by, each with the schedules of those leaderboards."""
        return self._schedules_over(Scope)

    def _schedules_over(self, kind: type[_Ranked]) -> Mapping[_Ranked, frozenset[Schedule]]:
        schedules: dict[_Ranked, set[Schedule]] = {}
        for board in self.leaderboards:
            if isinstance(board.ranked, kind):
                schedules.setdefault(board.ranked, set()).add(board.schedule)
        return {ranked: frozenset(found) for ranked, found in schedules.items()}

    @cached_property
    def tally_schedules(self) -> Mapping[Stat, tuple[Schedule, ...]]:
        """The stats that are also tallied by period, each with its schedules other than the lifetime."""
        found: dict[Stat, set[Schedule]] = defaultdict(set)
        for stat, schedules in self.leaderboard_schedules.items():
            found[stat] |= schedules
        for goal in self.goals.values():
            found[goal.stat].add(goal.schedule)
        by_period = {stat: schedules - {LIFETIME} for stat, schedules in found.items()}
        return {
            stat: tuple(sorted(schedules, key=attrgetter("text"))) for stat, schedules in by_period.items() if schedules
        }

    @cached_property
    def ladders(self) -> Mapping[str, Mapping[Stat, tuple[Ladder, ...]]]:
        """The ladders by schedule text and stat, one for each measure, without suspended goals."""
        rungs: dict[str, dict[Stat, dict[Counting, list[Goal]]]] = {}
        for goal in sorted(self.goals.values(), key=lambda goal: goal.target):
            if not goal.suspended:
                judged_as = Counting.HIGHEST if goal.counting is Counting.LATEST else goal.counting
                by_stat = rungs.setdefault(goal.schedule.text, {})
                by_stat.setdefault(goal.stat, {}).setdefault(judged_as, []).append(goal)
        return {
            schedule: {
                stat: tuple(
                    Ladder(counting, tuple(goal.target for goal in goals), tuple(goals))
                    for counting, goals in by_counting.items()
                )
                for stat, by_counting in by_stat.items()
            }
            for schedule, by_stat in rungs.items()
        }
