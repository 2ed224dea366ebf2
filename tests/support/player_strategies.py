"""Players' views for property tests, under the catalogues of `tests.support.strategies`."""

from __future__ import annotations

from typing import NamedTuple

from hypothesis import strategies as st

from shared.domain.catalogue import Catalogue
from shared.domain.goal import Goal, Stat
from shared.domain.instant import DAY, Period
from shared.domain.player_view import Assignment, Completion, PlayerView, TallyView
from shared.domain.schedules import LIFETIME
from shared.domain.tally import Measures
from tests.support.periods import period_of
from tests.support.strategies import (
    DAYS,
    FIRST_DAY,
    GOALS_MAX,
    REPEATS,
    SCHEDULES,
    STATS,
    TIERED,
    as_it_is_called,
    catalogues,
    instants,
    meta_and_hidden,
)

_maybe_instants = st.none() | instants
_small = st.integers(0, 12)


def _tally_view(measures: Measures, latest: int | None) -> TallyView:
    """Return a coherent view: no value is greater than the highest."""
    highest = latest if measures.highest is None or latest is None else max(measures.highest, latest)
    return TallyView(measures._replace(highest=highest), latest)


_tally_views = st.builds(
    _tally_view, st.builds(Measures, _small, _small, st.integers(-3, 12), _small), st.none() | st.integers(-3, 12)
)
_kept_tallies = st.fixed_dictionaries({}, optional=dict.fromkeys(STATS, _tally_views))
_NOW = (FIRST_DAY + DAYS) * DAY
_PERIODS = {schedule.text: period_of(schedule, _NOW) for schedule in SCHEDULES[1:]}
_periods = st.sampled_from((_PERIODS, _PERIODS, dict(list(_PERIODS.items())[:1])))
"""Current periods; in some views a schedule is between two of them."""
_period_tallies = st.fixed_dictionaries(
    {}, optional={(stat, text): _tally_views for stat in STATS for text in _PERIODS}
)
_frozen_in = st.sampled_from((None, *(period.start for period in _PERIODS.values())))
_assignments = st.none() | st.builds(Assignment, st.booleans(), _maybe_instants, _small, _frozen_in)
PREMIUM = (("",), ("",), ("", "premium", ""), ("premium",), ("premium", "", "gold"))
"""The attributes that the rewards of a goal require, none of most."""
_completion = st.builds(Completion, _maybe_instants, _maybe_instants, st.none()) | st.builds(
    Completion, _maybe_instants, instants, st.integers(1, 7)
)
_completions = st.none() | _completion
_occurrences = st.dictionaries(st.integers(1, max(REPEATS)), _completion, max_size=max(REPEATS))
_stored = st.tuples(
    _kept_tallies,
    st.lists(st.tuples(_assignments, _completions, _occurrences), max_size=GOALS_MAX + 1),
    st.tuples(_period_tallies, _periods, st.booleans()),
)


_Stored = tuple[
    dict[Stat, TallyView],
    list[tuple[Assignment | None, Completion | None, dict[int, Completion]]],
    tuple[dict[tuple[Stat, str], TallyView], dict[str, Period], bool],
]


def _view(catalogue: Catalogue, stored: _Stored) -> PlayerView:
    kept, choices, (of_periods, periods, ever) = stored
    by_goal = list(zip([*catalogue.goals, "a goal of the past"], choices, strict=False))
    used = {goal.schedule.text for goal in catalogue.goals.values()} & periods.keys()
    without_period = {
        goal.id for goal in catalogue.goals.values() if goal.schedule != LIFETIME and goal.schedule.text not in used
    }
    view = PlayerView(
        kept,
        {goal_id: assignment for goal_id, (assignment, _, _) in by_goal if assignment is not None},
        {
            goal_id: completion
            for goal_id, (_, completion, _) in by_goal
            if completion is not None and goal_id not in without_period
        },
        {(stat, text): tally for (stat, text), tally in of_periods.items() if text in used},
        {text: period for text, period in periods.items() if text in used},
        ever=frozenset(catalogue.required_across_schedules if ever else ()),
        attributes=frozenset({"premium"} if ever else ()),
    )
    for goal_id, (_, _, occurrences) in by_goal:
        goal = catalogue.goals.get(goal_id)
        if goal is not None and goal.steps > 1 and goal_id not in without_period:
            view = view.with_completions(goal, occurrences)
    return view


def views(catalogue: Catalogue) -> st.SearchStrategy[PlayerView]:
    """Return a strategy of anything stored about a player, including a goal no longer in the catalogue."""
    return _stored.map(lambda stored: _view(catalogue, stored))


def catalogues_with_players(
    goals_max: int = GOALS_MAX, wording: st.SearchStrategy[str] = as_it_is_called
) -> st.SearchStrategy[tuple[Catalogue, PlayerView]]:
    """Return a strategy of a catalogue with schedules and a player's view under it."""
    return st.tuples(
        catalogues(goals_max, wording, SCHEDULES, repeats=(*REPEATS, *TIERED), premium=PREMIUM, extras=meta_and_hidden),
        _stored,
    ).map(lambda drawn: (drawn[0], _view(*drawn)))


class Situation(NamedTuple):
    """A catalogue, one of its goals, and a player's view."""

    catalogue: Catalogue
    goal: Goal
    view: PlayerView


def _situation(catalogue: Catalogue, stored: _Stored, number: int) -> Situation:
    goals = tuple(catalogue.goals.values())
    return Situation(catalogue, goals[number % len(goals)], _view(catalogue, stored))


situations = st.builds(_situation, catalogues(4, schedules=SCHEDULES), _stored, st.integers(0, 3))
"""Any goal and any player."""
