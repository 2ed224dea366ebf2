"""Leaderboards, and their rankings: the places of players.

Players are ordered by score, then by when they reached it (earlier first), then by the bytes of their ids.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple, Protocol

from shared.domain.goal import Stat
from shared.domain.instant import Instant
from shared.domain.schedules import LIFETIME, Schedule
from shared.domain.standings import Scope


class LeaderboardMeasure(StrEnum):
    """The measure that players are ranked by. Values are stored in the database."""

    POINTS = "points"
    SUM = "sum"
    EVENTS = "events"
    HIGHEST = "highest"
    DAYS = "days"


@dataclass(frozen=True, slots=True)
class Leaderboard:
    """A leaderboard. Of players with the same score, the one who reached it first is ahead."""

    id: str
    name: str
    description: str
    measure: LeaderboardMeasure
    ranked: Scope | Stat
    """The scope whose points count if the measure is `POINTS`, else the stat whose tally has the measure."""
    schedule: Schedule = LIFETIME
    """The leaderboard has one ranking for each period of this schedule."""
    ascending: bool = False
    """True if the lowest score is first."""
    shared_ranks: bool = True
    """True if equal scores share a rank (1, 2, 2, 4); otherwise the player who was first has the better rank."""


PLAYERS_MAX = 500
"""Maximum players in one response."""


class Ranked(NamedTuple):
    """One player in a ranking."""

    user_id: str
    score: int
    reached_time: Instant
    """When the score was reached; the Unix epoch if unknown."""
    place: int
    """Position from 1, unique among players."""
    rank: int
    """The place of the first player with the same score if ranks are shared, else the player's own place."""


class RankedPage(NamedTuple):
    """Some players of a ranking, by place."""

    ranked: tuple[Ranked, ...]
    size: int
    """Number of players in the ranking."""
    fresh_at: Instant | None = None
    """Everything that happened before is included; None means up to date."""


def percentile(rank: int, size: int) -> float:
    """Return the percentage of players not ahead of this rank: 100 for the first, above 0 for the last."""
    return 100 * (size - rank + 1) / size


def is_in_top(rank: int, size: int, percent: int) -> bool:
    """Return True if fewer than `percent` percent of the players are ahead of this rank; always true for the first."""
    return (rank - 1) * 100 < percent * size


class LeaderboardReader(Protocol):
    """A store of rankings. Methods return None if it cannot serve the ranking, so that another store must."""

    def top(self, board: Leaderboard, period_start: Instant, first: int, count: int) -> RankedPage | None:
        """Return `count` players from place `first` (from 1); fewer at the end of the ranking."""

    def of_players(self, board: Leaderboard, period_start: Instant, user_ids: Sequence[str]) -> RankedPage | None:
        """Return those of these players who are in the ranking."""

    def around(self, board: Leaderboard, period_start: Instant, user_id: str, neighbours: int) -> RankedPage | None:
        """Return a player with up to `neighbours` before and after; no players if the player is not in the ranking."""
