"""Rules about the limits on activations: `max_active`, `cooldown` and `requires_to_activate`."""

from __future__ import annotations

from collections.abc import Iterator

from shared.catalogue.draft import CatalogueDraft
from shared.catalogue.problem import Problem

_LIMITS_OF_CHALLENGES = ("max_active", "cooldown")


def pools_have_no_limits(draft: CatalogueDraft) -> Iterator[Problem]:
    for challenge in draft.challenges:
        if "select" in challenge.keys:
            for key in sorted(challenge.keys.intersection(_LIMITS_OF_CHALLENGES)):
                yield challenge.place.at(key).problem(
                    "is not for a challenge with select, whose goals no player activates"
                )
    for goal in draft.goals:
        if goal.in_pool and goal.requires_to_activate:
            yield goal.place.at("requires_to_activate").problem("is not for a goal of a challenge with select")


def default_goals_require_nothing_to_be_activated(draft: CatalogueDraft) -> Iterator[Problem]:
    for goal in draft.goals:
        if goal.default_assigned and goal.requires_to_activate:
            yield goal.place.at("requires_to_activate").problem(
                "is not for a goal with default_assigned, which is active"
            )


LIMIT_RULES = (pools_have_no_limits, default_goals_require_nothing_to_be_activated)
