"""Outages: days that streaks do not miss, by the stats that they affect."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from shared.catalogue.outage_forms import OutageForm
from shared.catalogue.schema import GoalForm
from shared.domain.goal import Counting, DerivedStat
from shared.domain.instant import Day
from shared.domain.streaks import StreakRule


class Outages:
    """The outages of a catalogue."""

    def __init__(self, forms: Iterable[OutageForm], derived: Mapping[str, DerivedStat]) -> None:
        """Keep the days of these outages.

        `derived` are the derived stats by id: an outage of the stat that they come from affects them, too.
        """
        self._derived = derived
        self._of_all: set[Day] = set()
        self._of_stats: dict[str, set[Day]] = {}
        for form in forms:
            if form.stats is None:
                self._of_all.add(form.day)
            for stat in form.stats or ():
                self._of_stats.setdefault(stat, set()).add(form.day)

    def rule_of(self, form: GoalForm) -> StreakRule | None:
        """Return the rule of a goal that counts streaks; None for another goal."""
        if form.count is not Counting.STREAK:
            return None
        derived = self._derived.get(form.stat)
        affected = (form.stat,) if derived is None else (form.stat, derived.base.code)
        days = self._of_all.union(*(self._of_stats.get(stat, ()) for stat in affected))
        return StreakRule(form.bridge_days, tuple(sorted(days)))
