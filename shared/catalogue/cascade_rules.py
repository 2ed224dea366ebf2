"""Rules about goals over goals and over points, which count what other goals' completions add."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from shared.catalogue.content import entries_of, placed_text, texts
from shared.catalogue.cycles import cycle_path, cycles
from shared.catalogue.draft import CatalogueDraft, GoalDraft
from shared.catalogue.problem import Problem
from shared.catalogue.schema import GoalSource
from shared.catalogue.time_fields import PLAYER_ZONE
from shared.catalogue.unique import shown, unique
from shared.domain.cascades import LEVEL_MAX

_OVER_GOALS = (GoalSource.GOALS, GoalSource.POINTS)
_SCOPES = ("challenge", "tag", "goals")

_CountedSet: TypeAlias = tuple[str, str, tuple[str, ...]]
"""The things a goal counts: its source, the key that names the goals, and the ids under that key."""


def only_goals_over_goals_name_them(draft: CatalogueDraft) -> Iterator[Problem]:
    for goal in draft.goals:
        present = [key for key in _SCOPES if key in goal.content]
        if goal.source == GoalSource.GOALS and not present:
            yield goal.place.at("source").problem("needs one of challenge, tag and goals")
        elif goal.source in _OVER_GOALS and len(present) > 1:
            yield goal.place.at(present[1]).problem(f"is not for a goal with {present[0]}: name one of them")
        elif goal.source == GoalSource.POINTS and present == ["goals"]:
            yield goal.place.at("goals").problem("is only for source: goals")
        elif goal.source in (GoalSource.LOGIN, GoalSource.STAT):
            for key in present:
                yield goal.place.at(key).problem("is only for source: goals or points")


def goals_over_events_have_a_count(draft: CatalogueDraft) -> Iterator[Problem]:
    for goal in draft.goals:
        if goal.source in _OVER_GOALS and "count" in goal.content:
            yield goal.place.at("count").problem(f"is not for source: {goal.source}")
        elif goal.source not in _OVER_GOALS and "count" not in goal.content:
            yield goal.place.at("count").problem("is required")
        elif goal.source not in _OVER_GOALS and goal.content["count"] is None:
            yield goal.place.at("count").problem("must be text")


def counted_goals_are_listed_once(draft: CatalogueDraft) -> Iterator[Problem]:
    for goal in draft.goals:
        yield from unique(texts(goal.place, goal.content, "goals"))


def counted_goals_exist(draft: CatalogueDraft) -> Iterator[Problem]:
    goals = {goal.id for goal in draft.goals}
    challenges = {challenge.id for challenge in draft.challenges}
    tags = {tag.text for goal in draft.goals for tag in goal.tags}
    for goal in draft.goals:
        if goal.source not in _OVER_GOALS:
            continue
        for place, text in texts(goal.place, goal.content, "goals"):
            if text not in goals:
                yield place.problem(f"there is no goal {shown(text)}")
        for known, key, missing in (
            (challenges, "challenge", "there is no challenge"),
            (tags, "tag", "no goal has the tag"),
        ):
            named = placed_text(goal.place, goal.content, key)
            if named is not None and named.text not in known:
                yield named.place.problem(f"{missing} {shown(named.text)}")


@dataclass(frozen=True, slots=True)
class _CountedGoals:
    """The goals over goals or points by what they count, and the goals that each counts."""

    over: Mapping[_CountedSet, list[GoalDraft]]
    counted: Mapping[_CountedSet, list[GoalDraft]] = field(default_factory=lambda: defaultdict(list))

    @property
    def scopes(self) -> dict[str | None, _CountedSet]:
        """The scope that each goal counts, by goal id."""
        return {goal.id: scope for scope, goals in self.over.items() for goal in goals if goal.id is not None}


def _counted_goals(draft: CatalogueDraft) -> _CountedGoals:
    """Return the goals over goals or points by what they count, and the goals counted in each."""
    over: dict[_CountedSet, list[GoalDraft]] = defaultdict(list)
    for goal in draft.goals:
        if goal.source in _OVER_GOALS and (scope := _scope(goal)) is not None:
            over[scope].append(goal)
    found = _CountedGoals(over)
    scopes_by_listed_goal: dict[str, list[_CountedSet]] = defaultdict(list)
    for scope in over:
        for goal_id in scope[2] if scope[1] == "goals" else ():
            scopes_by_listed_goal[goal_id].append(scope)
    for goal in draft.goals if over else ():
        for scope in (*_scopes_of(goal), *scopes_by_listed_goal.get(goal.id or "", ())):
            if scope in over:
                found.counted[scope].append(goal)
    return found


def _scope(goal: GoalDraft) -> _CountedSet | None:
    """Return what the goal counts; None if that is not known."""
    source = goal.source or ""
    listed = tuple(sorted({text for _, text in texts(goal.place, goal.content, "goals")}))
    if listed:
        return source, "goals", listed
    for key in ("challenge", "tag"):
        named = placed_text(goal.place, goal.content, key)
        if named is not None:
            return source, key, (named.text,)
    return (source, "", ()) if goal.source == GoalSource.POINTS else None


def _scopes_of(goal: GoalDraft) -> Iterator[_CountedSet]:
    """Yield what a goal may be counted in, without lists."""
    steps = [goal.content, *(tier for _, tier in entries_of(goal.place, goal.content, "tiers"))]
    points = [step.get("points", 0) for step in steps if isinstance(step, dict)]
    has_points = any(isinstance(each, int) and each > 0 for each in points)
    if has_points:
        yield GoalSource.POINTS.value, "", ()
    for source in _OVER_GOALS if has_points else (GoalSource.GOALS,):
        if goal.challenge_id is not None:
            yield source.value, "challenge", (goal.challenge_id,)
        for tag in goal.tags:
            yield source.value, "tag", (tag.text,)


def goals_do_not_count_each_other(draft: CatalogueDraft) -> Iterator[Problem]:
    """Refuse circles, and what would count over too many goals that count others themselves."""
    counted_goals = _counted_goals(draft)
    over = counted_goals.scopes
    # Sets of goals are nodes, too: with an edge from each of a thousand goals over points to each of as many that have
    # points there would be a million. An id contains no control character.
    nodes = {scope: f"\0{number}" for number, scope in enumerate(counted_goals.over)}
    edges: dict[str, list[str]] = {
        nodes[scope]: [goal.id for goal in goals if goal.id is not None]
        for scope, goals in counted_goals.counted.items()
    }
    places = {goal.id: goal.place for goal in draft.goals if goal.id is not None and goal.id in over}
    edges |= {goal_id: [nodes[over[goal_id]]] for goal_id in places}
    found = False
    for cycle in cycles(edges):
        found = True
        path = [node for node in cycle if node in places]
        yield places[path[0]].at("source").problem(f"goals count each other in a circle: {cycle_path(path)}")
    if not found:
        yield from _too_many_levels(counted_goals)


def _too_many_levels(counted_goals: _CountedGoals) -> Iterator[Problem]:
    levels = dict.fromkeys(counted_goals.over, 1)
    scopes = counted_goals.scopes
    for _ in range(LEVEL_MAX):
        for scope in levels:
            below = (levels[scopes[goal.id]] for goal in counted_goals.counted[scope] if goal.id in scopes)
            levels[scope] = min(1 + max(below, default=0), LEVEL_MAX + 1)
    for scope, level in levels.items():
        if level > LEVEL_MAX:
            place = counted_goals.over[scope][0].place.at("source")
            yield place.problem(f"counts goals that count goals, and so on: at most {LEVEL_MAX} levels are possible")


def counted_goals_have_a_schedule(draft: CatalogueDraft) -> Iterator[Problem]:
    counted_goals = _counted_goals(draft)
    player_zones = {each.id for each in draft.schedules if each.zone == PLAYER_ZONE}
    for scope, goals in counted_goals.over.items():
        of_lifetime = _first(goal for goal in counted_goals.counted[scope] if goal.schedule is None)
        in_fixed_zone = _first(
            goal for goal in counted_goals.counted[scope] if goal.schedule and goal.schedule.text not in player_zones
        )
        for goal in goals:
            if goal.schedule is None:
                continue
            if of_lifetime is not None:
                yield goal.schedule.place.problem(
                    f"the goal counts {shown(of_lifetime)}, which has no schedule: its completion is of no period"
                )
            elif goal.schedule.text in player_zones and in_fixed_zone is not None:
                yield goal.schedule.place.problem(
                    f"the goal counts {shown(in_fixed_zone)}, whose schedule has not zone: {PLAYER_ZONE}"
                )


def _first(goals: Iterator[GoalDraft]) -> str | None:
    return next((goal.id for goal in goals if goal.id is not None), None)


CASCADE_RULES = (
    only_goals_over_goals_name_them,
    goals_over_events_have_a_count,
    counted_goals_are_listed_once,
    goals_do_not_count_each_other,
    counted_goals_have_a_schedule,
)

CASCADE_RULES_FOR_COMPLETE_CATALOGUES = (counted_goals_exist,)
