"""Where players stand on a leaderboard.

Players stand in the order of their scores; of those with the same score, whoever was first there stands first, and of
those at the same instant the one whose id comes first, byte by byte.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from shared.domain.catalogue import Leaderboard
from shared.domain.instant import Instant

PLAYERS_MAX = 500
"""In one answer."""


class Ranked(NamedTuple):
    """One player on a board."""

    user_id: str
    score: int
    reached_time: Instant
    """When the score was reached; the epoch if nobody knows."""
    place: int
    """1 for the first; no two players have the same."""
    rank: int
    """The place of the first player with the same score where ranks are shared, else the place."""


class RankedPage(NamedTuple):
    """Some players of a board, by place."""

    ranked: tuple[Ranked, ...]
    size: int
    """How many players are on the board."""
    fresh_at: Instant | None = None
    """Whatever happened before is in it; None: the present."""


def percentile(rank: int, size: int) -> float:
    """The share of players who do not stand before this rank, in percent: 100 for the first, above 0 for the last."""
    return 100 * (size - rank + 1) / size


def is_in_top(rank: int, size: int, percent: int) -> bool:
    """Whether fewer than so many percent of the players stand before this rank: the first is in every top."""
    return (rank - 1) * 100 < percent * size


class LeaderboardReader(Protocol):
    """Answers from one place where rankings are kept; None wherever it cannot, and another one has to."""

    def top(self, board: Leaderboard, period_start: Instant, first: int, count: int) -> RankedPage | None:
        """`count` players from the place `first` (from 1) on; fewer where the board ends."""

    def of_players(self, board: Leaderboard, period_start: Instant, user_ids: Sequence[str]) -> RankedPage | None:
        """Those of these players who are on the board."""

    def around(self, board: Leaderboard, period_start: Instant, user_id: str, neighbours: int) -> RankedPage | None:
        """A player with up to so many before and after; nobody if the player is not on the board."""
