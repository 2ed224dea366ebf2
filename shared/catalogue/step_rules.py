"""Rules about goals with several steps: those with `repeat` or `tiers`."""

from __future__ import annotations

from collections.abc import Iterator

from shared.catalogue.content import entries_of, text_of
from shared.catalogue.document import Place
from shared.catalogue.draft import CatalogueDraft, GoalDraft
from shared.catalogue.problem import Problem
from shared.catalogue.unique import unique
from shared.domain.goal import AMOUNT_MAX, DISTINCT_MAX, REPEAT_MAX, Counting

OCCURRENCES_MAX = 20_000
"""Maximum number of occurrences and tiers of all goals together: twice as many as goals, because each has a place on a
ladder."""

_OF_ONE_STEP = ("reward", "rewards", "target", "at_most", "points", "repeat")
"""The keys that a goal with tiers does not have: each tier has its own, or its place instead."""


def repeated_targets_are_bounded(draft: CatalogueDraft) -> Iterator[Problem]:
    for goal in draft.goals:
        target = goal.content.get("target")
        if isinstance(target, int) and target <= AMOUNT_MAX < target * _repeat(goal):
            yield goal.place.at("repeat").problem(f"{_repeat(goal)} times the target is more than {AMOUNT_MAX:,}")


def occurrences_are_bounded(draft: CatalogueDraft) -> Iterator[Problem]:
    total = 0
    for goal in draft.goals:
        tiers = len(list(_tiers(goal)))
        total += tiers or (_repeat(goal) if "repeat" in goal.content else 0)
        if total > OCCURRENCES_MAX:
            yield goal.place.at("tiers" if tiers else "repeat").problem(
                f"the goals of a catalogue can repeat at most {OCCURRENCES_MAX:,} times in all, tiers included"
            )
            return


def goals_with_tiers_have_nothing_else_of_a_step(draft: CatalogueDraft) -> Iterator[Problem]:
    for goal in draft.goals:
        if "tiers" not in goal.content:
            continue
        for key in _OF_ONE_STEP:
            if key in goal.content:
                yield goal.place.at(key).problem("is not for a goal with tiers")
        if goal.count in (Counting.LOWEST, Counting.STREAK):
            yield goal.place.at("tiers").problem(f"are not for count: {goal.count}")


def tier_ids_are_unique(draft: CatalogueDraft) -> Iterator[Problem]:
    for goal in draft.goals:
        yield from unique((place.at("id"), text_of(tier, "id")) for place, tier in _tiers(goal))


def targets_of_tiers_rise(draft: CatalogueDraft) -> Iterator[Problem]:
    for goal in draft.goals:
        before = 0
        for place, tier in _tiers(goal):
            target = tier.get("target") if isinstance(tier, dict) else None
            if not isinstance(target, int) or isinstance(target, bool) or not 1 <= target <= AMOUNT_MAX:
                continue
            if target <= before:
                yield place.at("target").problem(f"must be above {before:,}, the target of the tier before")
            elif goal.count == Counting.DISTINCT and target > DISTINCT_MAX:
                yield place.at("target").problem(f"must be at most {DISTINCT_MAX:,} with count: distinct")
            before = max(before, target)


def _tiers(goal: GoalDraft) -> Iterator[tuple[Place, object]]:
    return entries_of(goal.place, goal.content, "tiers")


def _repeat(goal: GoalDraft) -> int:
    repeat = goal.content.get("repeat")
    return repeat if isinstance(repeat, int) and 2 <= repeat <= REPEAT_MAX else 1


STEP_RULES = (
    repeated_targets_are_bounded,
    occurrences_are_bounded,
    goals_with_tiers_have_nothing_else_of_a_step,
    tier_ids_are_unique,
    targets_of_tiers_rise,
)
