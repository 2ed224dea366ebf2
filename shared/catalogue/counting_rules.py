"""Rules about the keys that belong to a goal's counting: `target`, `at_most` and `attribute`."""

from __future__ import annotations

from collections.abc import Iterator

from shared.catalogue.draft import CatalogueDraft
from shared.catalogue.problem import Problem
from shared.domain.goal import DISTINCT_MAX, Counting


def goals_have_a_target(draft: CatalogueDraft) -> Iterator[Problem]:
    for goal in draft.goals:
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


COUNTING_RULES = (goals_have_a_target, distinct_values_are_of_an_attribute)
