"""Ladders: the rungs of goals on one stat by ascending target, so that bisection finds those that a change reaches."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple, TypeAlias

from shared.domain.goal import Credit, Goal, Stat
from shared.domain.rungs import Rung, rungs_of
from shared.domain.streaks import StreakRule
from shared.domain.tally import JUDGED_BY


class Ladder(NamedTuple):
    """The rungs of goals on one stat judged by one measure."""

    measure: int
    """Position of the measure in `Measures`."""
    targets: tuple[int, ...]
    rungs: tuple[Rung, ...]


class StreakLadder(NamedTuple):
    """The rungs of goals on one stat judged by the longest streak under one rule."""

    rule: StreakRule
    targets: tuple[int, ...]
    rungs: tuple[Rung, ...]


Ladders: TypeAlias = Mapping[str, Mapping[Stat, tuple[Ladder, ...]]]
"""By schedule text and stat, one for each measure."""
StreakLadders: TypeAlias = Mapping[str, Mapping[Stat, tuple[StreakLadder, ...]]]
"""By schedule text and stat, one for each rule."""


def is_off_ladders(goal: Goal) -> bool:
    """Return True if a goal is judged by something else than a measure that is the same for all goals on the stat."""
    return goal.streak is not None or goal.credit is Credit.FROM_ASSIGNMENT


def ladders_of(goals: Iterable[Goal]) -> Ladders:
    """Return the ladders of goals judged by one measure of the tally, without a baseline; none of suspended goals."""
    found: dict[str, dict[Stat, dict[int, list[Rung]]]] = {}
    for rung in _ascending(goal for goal in goals if not is_off_ladders(goal)):
        goal = rung.goal
        by_stat = found.setdefault(goal.schedule.text, {})
        by_stat.setdefault(goal.stat, {}).setdefault(JUDGED_BY[goal.counting], []).append(rung)
    return {
        schedule: {
            stat: tuple(Ladder(measure, *_columns(rungs)) for measure, rungs in by_measure.items())
            for stat, by_measure in by_stat.items()
        }
        for schedule, by_stat in found.items()
    }


def streak_ladders_of(goals: Iterable[Goal]) -> StreakLadders:
    """Return the ladders of the goals that count a streak; none of suspended goals."""
    found: dict[str, dict[Stat, dict[StreakRule, list[Rung]]]] = {}
    for rung in _ascending(goals):
        goal = rung.goal
        if goal.streak is not None:
            by_stat = found.setdefault(goal.schedule.text, {})
            by_stat.setdefault(goal.stat, {}).setdefault(goal.streak, []).append(rung)
    return {
        schedule: {
            stat: tuple(StreakLadder(rule, *_columns(rungs)) for rule, rungs in by_rule.items())
            for stat, by_rule in by_stat.items()
        }
        for schedule, by_stat in found.items()
    }


def _ascending(goals: Iterable[Goal]) -> list[Rung]:
    rungs = (rung for goal in goals if not goal.suspended for rung in rungs_of(goal))
    return sorted(rungs, key=lambda rung: rung.target)


def _columns(rungs: Iterable[Rung]) -> tuple[tuple[int, ...], tuple[Rung, ...]]:
    kept = tuple(rungs)
    return tuple(rung.target for rung in kept), kept
