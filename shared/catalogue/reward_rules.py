"""Rules about the rewards of goals."""

from __future__ import annotations

from collections.abc import Iterator

from shared.catalogue.draft import CatalogueDraft
from shared.catalogue.problem import Problem


def goals_have_one_reward_or_a_list(draft: CatalogueDraft) -> Iterator[Problem]:
    for goal in draft.goals:
        if "reward" not in goal.content and "rewards" not in goal.content:
            yield goal.place.at("reward").problem("is required, or rewards")
        elif "reward" in goal.content and "rewards" in goal.content:
            yield goal.place.at("rewards").problem("is not for a goal with reward: list all of them")
        elif "reward" in goal.content and goal.content["reward"] is None:
            yield goal.place.at("reward").problem("must be a mapping")


REWARD_RULES = (goals_have_one_reward_or_a_list,)
