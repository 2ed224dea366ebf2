"""Catalogues whose goals count in every way: aspects of events, streaks, and from their activation on."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import strategies as st

from shared.domain.catalogue import Catalogue
from shared.domain.goal import LOGIN, Aspect, Counting, Credit, DerivedStat, Goal
from shared.domain.streaks import StreakRule
from tests.support.strategies import DAYS, FIRST_DAY, with_goal

MAPS = st.sampled_from(((), (("map", "dust"),), (("map", "ice"), ("mode", "ranked")), (("map", "moon"),)))
"""Attributes of events."""
_CREDITED = (Counting.SUM, Counting.EVENTS, Counting.DAYS)
_targets = st.integers(1, 4)
_rules = st.builds(
    StreakRule,
    st.integers(0, 2),
    st.sets(st.integers(FIRST_DAY, FIRST_DAY + DAYS), max_size=2).map(lambda days: tuple(sorted(days))),
)


@st.composite
def with_further_countings(draw: st.DrawFn, catalogue: Catalogue) -> Catalogue:
    """Draw the catalogue with most goals counting in another way, if their source allows it."""
    for goal in catalogue.goals.values():
        catalogue = with_goal(catalogue, draw(_changed(goal)))
    looked_at = (goal.derived for goal in catalogue.goals.values() if goal.derived is not None)
    return draw(reloaded(replace(catalogue, derived_stats=tuple(dict.fromkeys(looked_at)))))


@st.composite
def reloaded(draw: st.DrawFn, catalogue: Catalogue) -> Catalogue:
    """Draw a later version of the catalogue: with other targets, bridges and outages."""
    for goal in catalogue.goals.values():
        changed = replace(goal, target=1 if goal.at_most is not None else draw(_targets))
        if goal.at_most is not None:
            changed = replace(changed, at_most=draw(st.integers(0, 4)))
        if goal.streak is not None:
            changed = replace(changed, streak=draw(_rules))
        catalogue = with_goal(catalogue, changed)
    return catalogue


@st.composite
def _changed(draw: st.DrawFn, goal: Goal) -> Goal:
    ways = ("plain", "credited", "streak", "distinct")
    match draw(st.sampled_from(ways if goal.stat == LOGIN else (*ways, "lowest", "growth"))):
        case "credited":
            counting = goal.counting if goal.counting in _CREDITED else Counting.EVENTS
            return replace(goal, counting=counting, credit=Credit.FROM_ASSIGNMENT, default_assigned=False)
        case "streak":
            return replace(goal, counting=Counting.STREAK, streak=StreakRule())
        case "distinct":
            return _looking_at(goal, Counting.DISTINCT, Aspect.DISTINCT, "map")
        case "lowest":
            return replace(_looking_at(goal, Counting.LOWEST, Aspect.LOWEST), at_most=0)
        case "growth":
            return _looking_at(goal, Counting.GROWTH, Aspect.GROWTH)
    return goal


def _looking_at(goal: Goal, counting: Counting, aspect: Aspect, attribute: str = "") -> Goal:
    derived = DerivedStat(goal.stat.code or goal.stat.source, goal.stat, (), aspect, attribute)
    return replace(goal, stat=derived.stat, counting=counting, derived=derived)
