"""Everything stored about a player that the status of goals depends on."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple, TypeAlias

from shared.domain.completion_columns import Completion
from shared.domain.goal import Credit, Goal, Stat
from shared.domain.instant import LIFETIME_START, Instant, Period
from shared.domain.player_zones import NO_ZONES, Zones
from shared.domain.schedules import LIFETIME
from shared.domain.streaks import NO_STREAK, Streak, StreakRule
from shared.domain.tally import Measures

__all__ = ["Assignment", "Completion", "CompletionsOfPeriod", "PlayerView", "StreakKey", "TallyView"]


class TallyView(NamedTuple):
    """The parts of a stored tally that progress needs: its measures and the newest value."""

    measures: Measures
    latest: int | None = None


class Assignment(NamedTuple):
    """The player's own choice for a goal. Without one the catalogue's default applies."""

    active: bool
    active_since: Instant | None
    """When the goal was last activated; None if it was never activated explicitly."""
    frozen_progress: int = 0
    """The progress shown when the goal was deactivated."""
    frozen_period_start: Instant | None = None
    """Start of the period that frozen progress and baseline belong to; None for the lifetime. In later periods they are
    0."""
    baseline: int | None = None
    """The measure when the goal was activated, of a goal that counts from its activation on."""

    def credited(self, measure: int, period_start: Instant) -> int:
        """Return the part of a measure in a period that counts for a goal that counts from its activation on.

        Nothing counts in periods before that of the activation: how much of it had been merged is not known.
        """
        if not self.active:
            return 0
        if period_start == (LIFETIME_START if self.frozen_period_start is None else self.frozen_period_start):
            return max(0, measure - (self.baseline or 0))
        return measure if self.active_since is not None and period_start > self.active_since else 0


CompletionsOfPeriod: TypeAlias = Mapping[str, Mapping[int, Completion]]
"""Completions of one period by goal id and occurrence."""


class StreakKey(NamedTuple):
    """The streaks of one tally under one rule."""

    stat: Stat
    schedule: str
    rule: StreakRule


class PlayerView(NamedTuple):
    """Everything stored about a player that goal status depends on, from one read as of one instant."""

    tallies: Mapping[Stat, TallyView]
    assignments: Mapping[str, Assignment]
    """By goal id; only goals the player has chosen to activate or deactivate."""
    completions: Mapping[str, Completion]
    """By goal id; of a goal with a schedule only the completion of the current period, and of a goal that repeats only
    the first."""
    period_tallies: Mapping[tuple[Stat, str], TallyView] = MappingProxyType({})
    """Tallies of the current periods, by stat and schedule text."""
    periods: Mapping[str, Period] = MappingProxyType({})
    """The periods that are shown in this view, by schedule text. Where a season leaves none, it is missing."""
    ended: frozenset[str] = frozenset()
    """Texts of schedules whose shown period is over. In it only stored completions count."""
    ever: frozenset[str] = frozenset()
    """Goals that goals of another schedule require, and that are completed in any period of theirs."""

    zones: Zones = NO_ZONES
    """The zones that the player has named; read only if a schedule depends on them."""
    selected: frozenset[str] = frozenset()
    """The goals of pools that the player has in the periods of this view."""
    attributes: frozenset[str] = frozenset()
    """The attributes that the player has, of those that rewards require."""
    occurrences: Mapping[str, Mapping[int, Completion]] = MappingProxyType({})
    """By goal id and occurrence: all completions of goals that are completed more than once in the period."""
    streaks: Mapping[StreakKey, Streak] = MappingProxyType({})
    """The streaks that goals ask for, of tallies of the lifetime and of the periods of this view."""

    def period_of(self, goal: Goal) -> Period | None:
        """Return the goal's current period; None between two periods of its schedule."""
        text = goal.schedule.text
        return _LIFETIME_PERIOD if text == _LIFETIME else self.periods.get(text)

    def tally_of(self, goal: Goal) -> TallyView | None:
        """Return the tally of the goal's current period as the goal judges it; None if it has none."""
        text = goal.schedule.text
        tally = self.tallies.get(goal.stat) if text == _LIFETIME else self.period_tallies.get((goal.stat, text))
        if tally is None or (goal.streak is None and goal.credit is _EVERYTHING):
            return tally
        if goal.streak is not None:
            return tally._replace(measures=tally.measures.with_judged(goal.counting, self.streak_of(goal).longest))
        assignment, period = self.assignments.get(goal.id), self.period_of(goal)
        measure = 0
        if assignment is not None and period is not None:
            measure = assignment.credited(tally.measures.judged_by(goal.counting), period.start)
        return tally._replace(measures=tally.measures.with_judged(goal.counting, measure))

    def counted_by(self, goal: Goal) -> int:
        """Return the measure of the goal's current period that the goal is judged by, whatever it gives credit for."""
        text = goal.schedule.text
        tally = self.tallies.get(goal.stat) if text == _LIFETIME else self.period_tallies.get((goal.stat, text))
        return 0 if tally is None else tally.measures.judged_by(goal.counting)

    def streak_of(self, goal: Goal) -> Streak:
        """Return the streaks of the goal's stat in its current period, by the goal's rule."""
        if goal.streak is None:
            return NO_STREAK
        return self.streaks.get(StreakKey(goal.stat, goal.schedule.text, goal.streak), NO_STREAK)

    def is_stored(self, goal: Goal, occurrence: int) -> bool:
        """Return True if a completion of the occurrence is stored in the goal's current period."""
        found = self.occurrences.get(goal.id)
        return occurrence in found if found is not None else occurrence == 1 and goal.id in self.completions

    def with_completions(self, goal: Goal, completions: Mapping[int, Completion]) -> PlayerView:
        """Return the view with these completions of the goal in its current period, by occurrence."""
        stored = {**self.occurrences_of(goal), **completions}
        if not stored:
            return self
        view = self._replace(completions={**self.completions, goal.id: stored[min(stored)]})
        if max(stored) > 1:
            view = view._replace(occurrences={**self.occurrences, goal.id: stored})
        return view

    def occurrences_of(self, goal: Goal) -> Mapping[int, Completion]:
        """Return the stored completions of the goal in its current period, by occurrence."""
        found = self.occurrences.get(goal.id)
        if found is not None:
            if goal.tiers and max(found) > goal.steps:
                # Tiers that the catalogue does not have any more.
                return {occurrence: found[occurrence] for occurrence in found if occurrence <= goal.steps}
            return found
        first = self.completions.get(goal.id)
        return {} if first is None else {1: first}


_EVERYTHING = Credit.EVERYTHING
_LIFETIME = LIFETIME.text
_LIFETIME_PERIOD = Period(LIFETIME_START, None)
