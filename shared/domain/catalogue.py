"""The catalogue: challenges, goals and leaderboards of one version.

A catalogue is immutable. Every call and every batch of events uses one catalogue from beginning to end, so code takes
it as an argument instead of reading the current one twice.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from operator import attrgetter
from typing import TypeVar

from shared.domain.cascades import Cascades
from shared.domain.derived_stats import DerivedStats
from shared.domain.goal import LOGIN, Aspect, Counting, Credit, DerivedStat, Goal, Source, Stat
from shared.domain.instant import Microseconds
from shared.domain.ladders import Ladders, StreakLadders, is_off_ladders, ladders_of, streak_ladders_of
from shared.domain.leaderboard import Leaderboard, LeaderboardMeasure
from shared.domain.pools import Pool, Pools
from shared.domain.reward import ClaimMode, Meta
from shared.domain.schedules import LIFETIME, Schedule, Season
from shared.domain.standings import Scope
from shared.domain.streaks import StreakRule

_Ranked = TypeVar("_Ranked", Scope, Stat)
_BY_DAY = (Counting.DAYS, Counting.STREAK)


@dataclass(frozen=True, slots=True)
class Challenge:
    """A challenge; its goals are in the order players see them."""

    id: str
    name: str
    description: str
    goals: tuple[Goal, ...]
    pool: Pool | None = None
    """Set if players have only some of the goals in each period, drawn for them. The goals share one schedule then."""
    max_active: int | None = None
    """Maximum number of goals that a player can work on at once: active, not completed and not active by default."""
    meta: Meta = ()
    cooldown: Microseconds = 0
    """Time in microseconds after a goal's deactivation before it can be activated again."""


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
    derived_stats: tuple[DerivedStat, ...] = ()
    pools: Pools | None = None
    """Draws the goals of pools. Set once a catalogue with pools is recorded in a database, whose secret it uses."""

    @cached_property
    def pool_challenges(self) -> tuple[Challenge, ...]:
        """The challenges that are pools."""
        return tuple(challenge for challenge in self.challenges if challenge.pool is not None)

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
        required = (
            (goals[other], goal) for goal in goals.values() for other in (*goal.requires, *goal.requires_to_activate)
        )
        return tuple(sorted({other.id for other, goal in required if other.schedule not in (LIFETIME, goal.schedule)}))

    @cached_property
    def player_attributes(self) -> tuple[str, ...]:
        """The attributes of players that some reward requires, sorted."""
        rewards = (reward for goal in self.goals.values() for reward in goal.all_rewards)
        return tuple(sorted({reward.requires_attribute for reward in rewards} - {""}))

    @cached_property
    def auto_claimed(self) -> Mapping[str, Goal]:
        """The goals whose rewards are claimed without a call, by id. Nothing is claimed of suspended goals."""
        return {
            goal.id: goal for goal in self.goals.values() if goal.claim_mode is ClaimMode.AUTO and not goal.suspended
        }

    @cached_property
    def auto_claimed_after(self) -> Mapping[str, tuple[Goal, ...]]:
        """The goals of `auto_claimed` by each of their prerequisites, whose completion may unlock them."""
        found: dict[str, list[Goal]] = defaultdict(list)
        for goal in self.auto_claimed.values():
            for required in goal.requires:
                found[required].append(goal)
        return {required: tuple(goals) for required, goals in found.items()}

    @cached_property
    def cascades(self) -> Cascades:
        """The tallies that completions add to, of goals over goals and over points."""
        return Cascades(self.goals)

    @cached_property
    def wanted(self) -> frozenset[Stat]:
        """The stats that are tallied: those of goals and leaderboards, declared ones, and logins for statistics.

        What others are derived from is declared by that.
        """
        declared = frozenset(Stat(Source.STAT, code) for code in self.declared_stats)
        of_goals = (goal.stat for goal in self.goals.values())
        of_derived = (each.stat for each in self.derived_stats)
        return declared.union([LOGIN], self.leaderboard_schedules, of_goals, of_derived, self.derived.bases)

    @cached_property
    def derived(self) -> DerivedStats:
        """The derived stats, found by the attributes of events."""
        return DerivedStats(self.derived_stats)

    @cached_property
    def growing(self) -> frozenset[Stat]:
        """The derived stats whose tallies count growth."""
        return frozenset(each.stat for each in self.derived_stats if each.aspect is Aspect.GROWTH)

    @cached_property
    def day_counted(self) -> frozenset[Stat]:
        """The stats whose tallies keep the set of days; logins always do, for streaks."""
        by_goals = frozenset(goal.stat for goal in self.goals.values() if goal.counting in _BY_DAY)
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
    def stats_by_player_zone(self) -> frozenset[Stat]:
        """The stats that are tallied by periods that depend on a player's time zone."""
        return frozenset(
            stat
            for stat, schedules in self.tally_schedules.items()
            if any(schedule.by_player for schedule in schedules)
        )

    @cached_property
    def ladders(self) -> Ladders:
        """The ladders of goals that a measure judges, by schedule text and stat, without suspended goals."""
        return ladders_of(self.goals.values())

    @cached_property
    def streak_ladders(self) -> StreakLadders:
        """The ladders of goals that streaks judge, by schedule text and stat, without suspended goals."""
        return streak_ladders_of(self.goals.values())

    @cached_property
    def off_ladders(self) -> tuple[Goal, ...]:
        """The goals that are on no ladder of a measure."""
        return tuple(goal for goal in self.goals.values() if is_off_ladders(goal))

    @cached_property
    def judged_alone(self) -> tuple[Goal, ...]:
        """The goals of which one target does not tell what is completed, without suspended ones."""
        found = (goal for goal in self.goals.values() if goal.steps > 1 or is_off_ladders(goal))
        return tuple(goal for goal in found if not goal.suspended)

    @cached_property
    def credited_from_assignment(self) -> Mapping[tuple[Stat, str], tuple[Goal, ...]]:
        """The goals that count from their activation on, by stat and schedule text, without suspended goals."""
        found: dict[tuple[Stat, str], list[Goal]] = defaultdict(list)
        for goal in self.off_ladders:
            if goal.credit is Credit.FROM_ASSIGNMENT and not goal.suspended:
                found[goal.stat, goal.schedule.text].append(goal)
        return {key: tuple(goals) for key, goals in found.items()}

    @cached_property
    def goals_by_tally(self) -> Mapping[tuple[Stat, str], tuple[Goal, ...]]:
        """All goals by the tally that they are a view of: stat and schedule text."""
        found: dict[tuple[Stat, str], list[Goal]] = defaultdict(list)
        for goal in self.goals.values():
            found[goal.stat, goal.schedule.text].append(goal)
        return {key: tuple(goals) for key, goals in found.items()}

    @cached_property
    def streak_rules(self) -> Mapping[tuple[Stat, Schedule], frozenset[StreakRule]]:
        """The rules of streaks by the stat and the schedule of the goals that they judge."""
        found: dict[tuple[Stat, Schedule], set[StreakRule]] = defaultdict(set)
        for goal in self.off_ladders:
            if goal.streak is not None:
                found[goal.stat, goal.schedule].add(goal.streak)
        return {key: frozenset(rules) for key, rules in found.items()}
