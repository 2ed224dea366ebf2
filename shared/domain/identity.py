"""What a goal or a leaderboard is, whatever else is said about it: what may never change under its id."""

from __future__ import annotations

from typing import NamedTuple

from shared.domain.catalogue import Goal, Leaderboard, Scope, Stat
from shared.domain.periods import Schedule


class GoalIdentity(NamedTuple):
    """What a goal's progress is made of. Under another one, stored completions would speak of another goal.

    All fields are as the database stores them, so that a record which another version of this code has written can be
    compared as well.
    """

    source: str
    stat_code: str
    """Empty exactly when the source is `login`."""
    counting: str
    schedule: str


def goal_identity(goal: Goal) -> GoalIdentity:
    """The identity of a goal as a catalogue defines it."""
    return GoalIdentity(goal.stat.source.value, goal.stat.code, goal.counting.value, Schedule.LIFETIME.value)


class LeaderboardIdentity(NamedTuple):
    """What a leaderboard ranks. Under another one, its past rankings would speak of another board.

    As the database stores it, like a goal's. A board is over a scope's points or over a stat's events; what it is not
    over is None.
    """

    measure: str
    scope: str | None
    scope_id: str | None
    source: str | None
    stat_code: str | None
    schedule: str
    ascending: bool


def leaderboard_identity(board: Leaderboard) -> LeaderboardIdentity:
    """The identity of a leaderboard as a catalogue defines it."""
    scope = board.ranked if isinstance(board.ranked, Scope) else None
    stat = board.ranked if isinstance(board.ranked, Stat) else None
    return LeaderboardIdentity(
        measure=board.measure.value,
        scope=scope and scope.kind.value,
        scope_id=scope and scope.id,
        source=stat and stat.source.value,
        stat_code=stat and stat.code,
        schedule=board.schedule.value,
        ascending=board.ascending,
    )
