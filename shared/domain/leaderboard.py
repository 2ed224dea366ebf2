"""Leaderboards: what players are ranked by, and in which periods."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from shared.domain.goal import Stat
from shared.domain.schedules import LIFETIME, Schedule
from shared.domain.scopes import Scope


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
