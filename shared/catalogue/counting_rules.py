"""Rules about the keys that belong to a goal's counting: `target`, `at_most`, `attribute` and `credit`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from shared.catalogue.draft import CatalogueDraft
from shared.catalogue.problem import Problem
from shared.catalogue.unique import shown
from shared.domain.goal import DISTINCT_MAX, Counting, Credit

CREDITED_MAX = 16
"""Maximum number of goals of one stat that count from their assignment on: an event may read as many baselines."""


def goals_have_a_target(draft: CatalogueDraft) -> Iterator[Problem]:
    for goal in draft.goals:
        if "tiers" in goal.content:
            continue
        needed, other = ("at_most", "target") if goal.count == Counting.LOWEST else ("target", "at_most")
        if needed not in goal.content:
            yield goal.place.at(needed).problem("is required")
        elif goal.content[needed] is None:
            yield goal.place.at(needed).problem("must be a whole number")
        if goal.count == Counting.LOWEST and "repeat" in goal.content:
            yield goal.place.at("repeat").problem("is not for count: lowest")
        if other in goal.content:
            only = "is not for count: lowest: use at_most" if other == "target" else "is only for count: lowest"
            yield goal.place.at(other).problem(only)


def distinct_values_are_of_an_attribute(draft: CatalogueDraft) -> Iterator[Problem]:
    for goal in draft.goals:
        if goal.count != Counting.DISTINCT:
            if "attribute" in goal.content:
                yield goal.place.at("attribute").problem("is only for count: distinct")
            continue
        if "attribute" not in goal.content:
            yield goal.place.at("attribute").problem("is required with count: distinct")
        target, repeat = goal.content.get("target"), goal.content.get("repeat")
        times = repeat if isinstance(repeat, int) and repeat > 1 else 1
        if isinstance(target, int) and target * times > DISTINCT_MAX:
            repeated = " times repeat" if times > 1 else ""
            yield goal.place.at("target").problem(f"must be at most {DISTINCT_MAX:,}{repeated} with count: distinct")


def goals_with_credit_from_assignment_are_assigned(draft: CatalogueDraft) -> Iterator[Problem]:
    of_stats: Counter[tuple[str | None, str | None]] = Counter()
    for goal in draft.goals:
        if goal.content.get("credit") != Credit.FROM_ASSIGNMENT:
            continue
        place = goal.place.at("credit")
        if goal.count not in _CREDITED:
            yield place.problem(f"is only for count: {', '.join(_CREDITED)}")
        for key in ("repeat", "tiers"):
            if key in goal.content:
                yield place.problem(f"is not for a goal with {key}")
        if goal.default_assigned:
            yield place.problem("is not for a goal with default_assigned, which no player activates")
        if goal.in_pool:
            yield place.problem("is not for a goal of a challenge with select, which no player activates")
        of_stats[goal.source, goal.stat] += 1
        if of_stats[goal.source, goal.stat] == CREDITED_MAX + 1:
            name = "logins have" if goal.stat is None else f"stat {shown(goal.stat)} has"
            yield place.problem(f"{name} more than {CREDITED_MAX} goals that count from their assignment on")


_CREDITED = (Counting.SUM, Counting.EVENTS, Counting.DAYS)

COUNTING_RULES = (
    goals_have_a_target,
    distinct_values_are_of_an_attribute,
    goals_with_credit_from_assignment_are_assigned,
)
