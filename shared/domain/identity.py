"""Identities of goals and leaderboards: the properties that never change under one id."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from shared.domain.goal import Credit, Goal, Stat
from shared.domain.leaderboard import Leaderboard
from shared.domain.standings import Scope


class GoalIdentity(NamedTuple):
    """The properties that define a goal's progress. With others, stored completions would belong to another goal.

    Fields are as stored in the database, so that records written by another version of this code can be compared too.
    """

    source: str
    stat_code: str
    """Empty exactly when the source is `login`."""
    counting: str
    """With the target if the goal repeats, because its occurrences are completed at multiples of it; with the credit
    unless that is everything. Tiers are recorded by themselves."""
    schedule: str


def goal_identity(goal: Goal) -> GoalIdentity:
    """Return the identity of a goal."""
    counting = goal.counting.value
    if goal.tiers:
        counting += ", in tiers"
    elif goal.repeat > 1:
        counting += f", repeats at {goal.target}"
    if goal.credit is not Credit.EVERYTHING:
        counting += f", credit {goal.credit.value}"
    return GoalIdentity(goal.stat.source.value, goal.stat.code, counting, goal.schedule.text)


class TierKey(NamedTuple):
    """The place of a tier, which stored completions name."""

    goal_id: str
    number: int
    """From 1."""


def tier_ids(goals: Iterable[Goal]) -> dict[TierKey, str]:
    """Return the ids of the tiers of these goals, which never change."""
    return {TierKey(goal.id, number): tier.id for goal in goals for number, tier in enumerate(goal.tiers, 1)}


class LeaderboardIdentity(NamedTuple):
    """The properties that define a leaderboard's ranking. With others, past rankings would belong to another one.

    Fields are as stored in the database. A leaderboard ranks a scope's points or a stat's events; the fields of the
    other are None.
    """

    measure: str
    scope: str | None
    scope_id: str | None
    source: str | None
    stat_code: str | None
    schedule: str
    ascending: bool


def leaderboard_identity(board: Leaderboard) -> LeaderboardIdentity:
    """Return the identity of a leaderboard."""
    scope = board.ranked if isinstance(board.ranked, Scope) else None
    stat = board.ranked if isinstance(board.ranked, Stat) else None
    return LeaderboardIdentity(
        measure=board.measure.value,
        scope=scope and scope.kind.value,
        scope_id=scope and scope.id,
        source=stat and stat.source.value,
        stat_code=stat and stat.code,
        schedule=board.schedule.text,
        ascending=board.ascending,
    )
