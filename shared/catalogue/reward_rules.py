"""Rules about the rewards of goals."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from shared.catalogue.content import TextDraft, entries_of, placed_text
from shared.catalogue.document import Place
from shared.catalogue.draft import CatalogueDraft, GoalDraft
from shared.catalogue.problem import Problem
from shared.domain.reward import ClaimMode

PLAYER_ATTRIBUTES_MAX = 16
"""Maximum number of attributes of players that the rewards of a catalogue may require."""


def goals_and_tiers_have_one_reward_or_a_list(draft: CatalogueDraft) -> Iterator[Problem]:
    for goal in draft.goals:
        if "tiers" not in goal.content:
            yield from _one_reward_or_a_list(goal.place, goal.content)
        for place, tier in entries_of(goal.place, goal.content, "tiers"):
            if isinstance(tier, dict):
                yield from _one_reward_or_a_list(place, tier)


def _one_reward_or_a_list(place: Place, content: Mapping[str, object]) -> Iterator[Problem]:
    if "reward" not in content and "rewards" not in content:
        yield place.at("reward").problem("is required, or rewards")
    elif "reward" in content and "rewards" in content:
        yield place.at("rewards").problem("is not allowed beside reward: list all of them")
    elif "reward" in content and content["reward"] is None:
        yield place.at("reward").problem("must be a mapping")


def automatic_rewards_are_for_everybody(draft: CatalogueDraft) -> Iterator[Problem]:
    for goal in draft.goals:
        if goal.content.get("claim") == ClaimMode.AUTO:
            for attribute in _attributes(goal):
                yield attribute.place.problem("is not for claim: auto: whoever gets the attribute later has to claim")


def attributes_are_few(draft: CatalogueDraft) -> Iterator[Problem]:
    found: set[str] = set()
    for goal in draft.goals:
        for attribute in _attributes(goal):
            if attribute.text not in found and len(found) == PLAYER_ATTRIBUTES_MAX:
                yield attribute.place.problem(
                    f"the rewards of a catalogue can require at most {PLAYER_ATTRIBUTES_MAX} attributes"
                )
                return
            found.add(attribute.text)


def _attributes(goal: GoalDraft) -> Iterator[TextDraft]:
    """Yield the attributes that rewards of the goal require."""
    for place, content in ((goal.place, goal.content), *entries_of(goal.place, goal.content, "tiers")):
        alone = content.get("reward") if isinstance(content, dict) else None
        for at, reward in ((place.at("reward"), alone), *entries_of(place, content, "rewards")):
            attribute = placed_text(at, reward, "requires_attribute")
            if attribute is not None:
                yield attribute


REWARD_RULES = (goals_and_tiers_have_one_reward_or_a_list, automatic_rewards_are_for_everybody, attributes_are_few)
