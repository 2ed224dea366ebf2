"""Rewards of one completion: which of them are claimed, as a set of bits.

A goal has one reward or several, which are numbered from 1. Each is claimed once. The claimed rewards of a completion
are one number, in which bit n - 1 stands for reward n. Nearly every goal has one reward; then the claim time alone
tells.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from shared.domain.goal import Goal, Reward
from shared.domain.player_view import Completion

FIRST = 1
"""The bit of a goal's first reward."""


class NumberedReward(NamedTuple):
    """A reward with its number within the goal, from 1."""

    number: int
    reward: Reward


def bit_of(number: int) -> int:
    """Return the bit of the reward with this number."""
    return 1 << (number - 1)


def claimed_bits(completion: Completion) -> int:
    """Return the bits of the rewards that are claimed."""
    if completion.claimed is not None:
        return completion.claimed
    return 0 if completion.claim_time is None else FIRST


def unclaimed_rewards(goal: Goal, claimed: int) -> Iterator[NumberedReward]:
    """Yield the rewards of the goal that are not among the claimed bits."""
    for number, reward in enumerate(goal.rewards, 1):
        if not claimed & bit_of(number):
            yield NumberedReward(number, reward)


def is_claimed(goal: Goal, completion: Completion) -> bool:
    """Return True if all rewards of the goal are claimed for the completion."""
    if completion.claim_time is None:
        return False
    if completion.claimed is None and not goal.further_rewards:
        return True
    return next(unclaimed_rewards(goal, claimed_bits(completion)), None) is None
