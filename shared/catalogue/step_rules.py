"""Rules about goals with several steps: those with `repeat`."""

from __future__ import annotations

from collections.abc import Iterator

from shared.catalogue.draft import CatalogueDraft, GoalDraft
from shared.catalogue.problem import Problem
from shared.domain.goal import AMOUNT_MAX, REPEAT_MAX

OCCURRENCES_MAX = 20_000
"""Maximum number of occurrences of all goals together: twice as many as goals, because each has a place on a ladder."""


def repeated_targets_are_bounded(draft: CatalogueDraft) -> Iterator[Problem]:
    for goal in draft.goals:
        target = goal.content.get("target")
        if isinstance(target, int) and target <= AMOUNT_MAX < target * _repeat(goal):
            yield goal.place.at("repeat").problem(f"{_repeat(goal)} times the target is more than {AMOUNT_MAX:,}")


def occurrences_are_bounded(draft: CatalogueDraft) -> Iterator[Problem]:
    total = 0
    for goal in draft.goals:
        total += _repeat(goal) if "repeat" in goal.content else 0
        if total > OCCURRENCES_MAX:
            yield goal.place.at("repeat").problem(
                f"the goals of a catalogue can repeat at most {OCCURRENCES_MAX:,} times in all"
            )
            return


def _repeat(goal: GoalDraft) -> int:
    repeat = goal.content.get("repeat")
    return repeat if isinstance(repeat, int) and 2 <= repeat <= REPEAT_MAX else 1


STEP_RULES = (repeated_targets_are_bounded, occurrences_are_bounded)
