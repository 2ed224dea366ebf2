"""Rewards, and the tiers of goals that have several of them on the way."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

REWARDS_MAX = 10
"""Maximum number of rewards for one completion of a goal."""

TIERS_MAX = 100
"""Maximum number of tiers of a goal."""

PRIORITY_FIRST = 1
PRIORITY_LAST = 9
PRIORITY_DEFAULT = 5


Meta: TypeAlias = tuple[tuple[str, str], ...]
"""Keys and values for the game, by ascending key; nothing here reads them."""


class RewardType(StrEnum):
    """The kind of a reward. Values are written in catalogues and stored in the database."""

    ITEM = "ITEM"
    WALLET = "WALLET"


class ClaimMode(StrEnum):
    """The way the reward of a completed goal is claimed. Values are written in catalogues."""

    MANUAL = "manual"
    """The player claims it."""
    AUTO = "auto"
    """The transaction that stores the completion claims it, or the one that completes its last prerequisite."""


@dataclass(frozen=True, slots=True)
class Reward:
    """The reward of a completed goal; `quantity` is 1 to `AMOUNT_MAX`."""

    type: RewardType
    id: str
    quantity: int
    priority: int = PRIORITY_DEFAULT
    """Delivery order among waiting grants: `PRIORITY_FIRST` to `PRIORITY_LAST`."""
    meta: Meta = ()
    """Empty for rewards that are read from the database, and so is the next one."""
    requires_attribute: str = ""
    """The attribute that a player must have to claim it; empty for rewards for everybody."""


@dataclass(frozen=True, slots=True)
class Tier:
    """A named step of a goal. Its id and its place among the tiers are permanent."""

    id: str
    target: int
    """The measure at which it is completed; each is above that of the tier before."""
    rewards: tuple[Reward, ...]
    """1 to `REWARDS_MAX`."""
    points: int = 0
    meta: Meta = ()
