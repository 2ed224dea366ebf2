"""Sizes of responses: clients refuse responses above a limit of their own, by default 4 MiB in gRPC.

A single challenge is bounded by `shared.catalogue.sizes`, pages of claims, players and leaderboards by their number of
entries. Other responses are divided or shortened here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from shared.domain.catalogue import Catalogue
from shared.domain.goal import Goal
from shared.domain.reward import REWARDS_MAX, Reward
from shared.rpc.goal_encoding import definition

RESPONSE_BYTES_MAX = 7 * 1024 * 1024 // 2
"""Maximum size in bytes of a response that can be divided or shortened: 3.5 MiB. The rest of the 4 MiB that clients
accept by default is left to other fields than the goals, and to clients that count headers."""

_FRAMING_BYTES_MAX = 6
"""Maximum size in bytes of a message's tag and length in a response."""
_PLAYER_BYTES_MAX = 89
"""Maximum size in bytes of a goal's fields for a player: three times (48), the progress (11), six numbers (18), and the
current streak or the lowest value (12)."""
_TIERS_FRAMING_BYTES_MAX = 4
"""The same of the states of tiers, in addition to one for each."""
_REWARDS_BYTES_MAX = 6 + REWARDS_MAX
"""The same of the numbers of claimed and of withheld rewards, for a goal with several or with such."""
_CLAIM_BYTES_MAX = 226
"""Maximum size in bytes of a `GoalClaim` without the ids that it names: the grant's id (38), four times (64), nine
numbers (64), a reason (15), and 45 of tags and lengths."""


def size_warnings(catalogue: Catalogue) -> Iterator[str]:
    """Yield why clients with gRPC's default limit may not get some of the catalogue's definitions."""
    size = goals_size(catalogue.default_goals)
    if size > RESPONSE_BYTES_MAX:
        yield (
            f"the goals that are active by default take up to {_mebibytes(size)} in a response, more than "
            f"{_mebibytes(RESPONSE_BYTES_MAX)}: InitializePlayer omits them unless it is asked for the light form"
        )


def goals_size(goals: Iterable[Goal]) -> int:
    """Return the maximum size in bytes of the goals in a response."""
    each = _FRAMING_BYTES_MAX + _PLAYER_BYTES_MAX
    return sum(
        len(definition(goal))
        + each
        + _REWARDS_BYTES_MAX * (not goal.has_plain_reward)
        + (_TIERS_FRAMING_BYTES_MAX + len(goal.tiers) if goal.tiers else 0)
        for goal in goals
    )


class ClaimsRoom:
    """The bytes that are left for results in a `ClaimAllResponse`."""

    def __init__(self, bytes_max: int = RESPONSE_BYTES_MAX) -> None:
        self._left = bytes_max
        self.is_full = False
        """True once a result did not fit."""

    def take(self, goal: Goal, rewards: Sequence[Reward]) -> bool:
        """Reserve the maximum size of a goal's result with these rewards; return False if it does not fit.

        A smaller result may still fit afterwards.
        """
        # A `GoalClaim` names the goal's id, and so does each `Claim` in it.
        ids = [goal.challenge_id, goal.id]
        for reward in rewards:
            ids += goal.id, reward.id
        size = _CLAIM_BYTES_MAX * len(rewards) + sum(len(text.encode()) for text in ids)
        if size > self._left:
            self.is_full = True
            return False
        self._left -= size
        return True


def _mebibytes(size: int) -> str:
    return f"{size / 1024**2:.1f} MiB"
