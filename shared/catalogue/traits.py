"""Texts of the properties of goals and challenges, by the keys of a document, for comparisons."""

from __future__ import annotations

from shared.catalogue.season_changes import dates
from shared.domain.catalogue import Challenge
from shared.domain.goal import Goal
from shared.domain.identity import GoalIdentity, goal_identity
from shared.domain.instant import MINUTE, to_datetime
from shared.domain.reward import PRIORITY_DEFAULT, Meta, Reward, Tier


def identity_traits(identity: GoalIdentity) -> dict[str, str]:
    """Return the identity by the keys of a document, as text short enough to be shown."""
    return {
        "source": identity.source,
        "stat": repr(identity.stat_code) if identity.stat_code else "none",
        "count": identity.counting,
        "schedule": identity.schedule,
    }


def goal_traits(goal: Goal) -> dict[str, str]:
    """Return everything that a document says about a goal, like `identity_traits`."""
    return {
        **identity_traits(goal_identity(goal)),
        "target": f"{goal.target:,}",
        "hidden": "true" if goal.hidden else "false",
        "meta": meta_text(goal.meta),
        "repeat": f"{goal.repeat}" if goal.repeat > 1 else "none",
        "at_most": "none" if goal.at_most is None else f"{goal.at_most:,}",
        "bridge_days": f"{goal.streak.bridge_days}" if goal.streak is not None else "none",
        "outages": dates(goal.streak.outages if goal.streak is not None else ()),
        "name": repr(goal.name),
        "reward": reward_text(goal.reward),
        "further rewards": "; ".join(map(reward_text, goal.further_rewards)) or "none",
        "default_assigned": "true" if goal.default_assigned else "false",
        "requires": ", ".join(map(repr, goal.requires)) or "none",
        "requires_to_activate": ", ".join(map(repr, goal.requires_to_activate)) or "none",
        "points": f"{goal.points:,}",
        "tiers": "; ".join(map(tier_text, goal.tiers)) or "none",
        "suspended": "true" if goal.suspended else "false",
        "claim": goal.claim_mode.value,
        "tags": ", ".join(map(repr, goal.tags)) or "none",
        "weight": f"{goal.weight}",
        "from": to_datetime(goal.joins).strftime("%Y-%m-%dT%H:%M:%SZ") if goal.joins else "none",
    }


def challenge_traits(challenge: Challenge) -> dict[str, str]:
    """Return what a document says about a pool and about limits."""
    pool = challenge.pool
    numbers = {
        "select": pool and pool.select,
        "no_repeat": pool and pool.no_repeat,
        "rerolls": pool and pool.rerolls,
        "max_active": challenge.max_active,
    }
    cooldown = f"{challenge.cooldown // MINUTE:,} minutes" if challenge.cooldown else "none"
    others = {"cooldown": cooldown, "meta": meta_text(challenge.meta)}
    return {key: "none" if number is None else f"{number}" for key, number in numbers.items()} | others


def meta_text(meta: Meta) -> str:
    return ", ".join(f"{key!r}: {value!r}" for key, value in meta) or "none"


def reward_text(reward: Reward) -> str:
    meta = f", meta {meta_text(reward.meta)}" if reward.meta else ""
    priority = f", priority {reward.priority}" if reward.priority != PRIORITY_DEFAULT else ""
    required = f", requires {reward.requires_attribute!r}" if reward.requires_attribute else ""
    return f"{reward.type} {reward.id!r} x {reward.quantity:,}{priority}{required}{meta}"


def tier_text(tier: Tier) -> str:
    rewards = " and ".join(map(reward_text, tier.rewards))
    meta = f", meta {meta_text(tier.meta)}" if tier.meta else ""
    return f"{tier.id!r} at {tier.target:,} with {tier.points:,} points and {rewards}{meta}"
