"""Rewards of one completion: which of them are claimed, and which can be, as sets of bits.

A goal has one reward or several, which are numbered from 1. Each is claimed once. The claimed rewards of a completion
are one number, in which bit n - 1 stands for reward n. Nearly every goal has one reward; then the claim time alone
tells.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple

from shared.domain.player_view import Completion
from shared.domain.reward import Reward

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


def withheld_bits(rewards: Sequence[Reward], attributes: Collection[str]) -> int:
    """Return the bits of the rewards that require an attribute other than these."""
    return sum(
        bit_of(number)
        for number, reward in enumerate(rewards, 1)
        if reward.requires_attribute and reward.requires_attribute not in attributes
    )


def open_rewards(rewards: Sequence[Reward], excluded: int) -> Iterator[NumberedReward]:
    """Yield the rewards of a completion that are not among the excluded bits: the claimed and the withheld ones."""
    for number, reward in enumerate(rewards, 1):
        if not excluded & bit_of(number):
            yield NumberedReward(number, reward)


class RewardsStatus(NamedTuple):
    """The rewards of a completion that a player can claim, has claimed, or has to wait for."""

    is_open: bool
    """True if one of them can be claimed."""
    claimed: int = 0
    """The bits of the claimed ones."""
    withheld: int = 0
    """The bits of unclaimed ones that require an attribute that the player does not have."""

    @property
    def excluded(self) -> int:
        """The bits of those that cannot be claimed."""
        return self.claimed | self.withheld


def rewards_status(rewards: Sequence[Reward], completion: Completion, attributes: Collection[str]) -> RewardsStatus:
    """Return which rewards of a completion can be claimed by a player with these attributes."""
    claimed = claimed_bits(completion)
    withheld = withheld_bits(rewards, attributes) & ~claimed
    return RewardsStatus(any(open_rewards(rewards, claimed | withheld)), claimed, withheld)
