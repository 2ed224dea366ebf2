"""The naive rules of goals over goals and over points: they count stored completions by definition."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from shared.domain.goal import Goal, Source
from shared.domain.instant import LIFETIME_START, Instant
from shared.domain.schedules import LIFETIME


class Given(NamedTuple):
    """Points that an operator has given a player."""

    player: str
    points: int
    time: Instant


def counts(goal: Goal, other: Goal) -> bool:
    """Return True if a goal over goals or points counts completions of the other one."""
    assert goal.counts is not None
    challenge_id, tag, goal_ids = goal.counts
    if goal_ids:
        return other.id in goal_ids
    if challenge_id or tag:
        return other.challenge_id == challenge_id or tag in other.tags
    # Among all goals only those with points count, so those over all points have none.
    return other.points > 0


def counted(
    goal: Goal,
    start: Instant | None,
    by_id: Mapping[str, Goal],
    completed: Iterable[tuple[str, Instant]],
    given: Iterable[Given],
    start_of: Callable[[Instant], Instant | None],
) -> int:
    """Return what the goal has counted in the period that starts then, of a player's completions and points.

    `completed` are the goals and the starts of the periods in which they are completed; `start_of` returns the start
    of the goal's period that contains an instant.
    """
    assert goal.counts is not None
    points = 0
    for goal_id, of_completion in completed:
        other = by_id[goal_id]
        in_period = LIFETIME_START if goal.schedule == LIFETIME else start_of(of_completion)
        if counts(goal, other) and in_period == start:
            points += other.points if goal.stat.source is Source.POINTS else 1
    if goal.stat.source is Source.POINTS and not any(goal.counts):
        points += sum(each.points for each in given if each.points > 0 and start_of(each.time) == start)
    return min(points, 2**62)
