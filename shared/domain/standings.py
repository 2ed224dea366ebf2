"""What a player has reached in a scope and a period: goals completed and claimed, and points.

A standing is a commutative monoid like a tally: completions, claims and adjustments may be added in any order and any
portions. Kept up with every completion, it is never added up from the beginning, except to check it. `merge_standings`
in `shared/postgres/sql/standing.sql` is the same merge in the database.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from shared.domain.catalogue import EVERYTHING, Goal, Scope, ScopeKind, scopes_of
from shared.domain.instant import Instant
from shared.domain.periods import Schedule, period_at
from shared.domain.tally import SUM_MAX


class StandingKey(NamedTuple):
    """Which standing. The order of keys is the order in which transactions lock them."""

    user_id: str
    schedule: Schedule
    period_start: Instant
    scope: ScopeKind
    scope_id: str


@dataclass(slots=True)
class Standing:
    """Numbers of goals, and points."""

    completed: int = 0
    claimed: int = 0
    """Rewards that are claimed now: a refund takes one back."""
    points: int = 0
    """Saturates at ±`SUM_MAX`; negative only by adjustments."""
    points_time: Instant | None = None
    """The newest completion or adjustment whose instant is known."""
    fastest: Instant | None = None
    """The shortest time from activation to completion, in microseconds."""
    version: int = 0
    """How many completions and adjustments are in it: of two states of a standing the later one has more."""

    def merge(self, other: Standing) -> None:
        """Add what another standing holds."""
        self.completed += other.completed
        self.claimed += other.claimed
        self.points = max(-SUM_MAX, min(self.points + other.points, SUM_MAX))
        self.points_time = max((self.points_time, other.points_time), key=_or_never)
        self.fastest = min((self.fastest, other.fastest), key=_or_for_ever)
        self.version += other.version


class CompletionRecord(NamedTuple):
    """What a completion counts for, as the catalogue and the player's choices were when it happened."""

    complete_time: Instant | None = None
    """None if the target was already reached when the goal became active: it counts for the lifetime alone."""
    challenge_id: str | None = None
    """None only for completions from before it was kept."""
    tags: tuple[str, ...] = ()
    points: int = 0
    active_since: Instant | None = None
    """Since when the goal was active for the player; None if nobody knows."""


def record_of(goal: Goal, complete_time: Instant | None, active_since: Instant | None) -> CompletionRecord:
    """What completing the goal counts for."""
    return CompletionRecord(complete_time, goal.challenge_id, goal.tags, goal.points, active_since)


Parts = Iterator[tuple[StandingKey, Standing]]
"""What is to be added, key by key; keys may repeat."""


def of_completion(
    user_id: str, record: CompletionRecord, points_schedules: Mapping[Scope, Collection[Schedule]]
) -> Parts:
    """What a completion adds. `points_schedules` are those of the catalogue's boards."""
    time = record.complete_time
    duration = time - record.active_since if time is not None and record.active_since is not None else None
    # An event may be older than the activation of the goal that it completes.
    fastest = duration if duration is not None and duration >= 0 else None
    added = Standing(completed=1, points=record.points, points_time=time, fastest=fastest, version=1)
    for scope in scopes_of(record.challenge_id, record.tags):
        for key in _keys(user_id, scope, time, points_schedules.get(scope, ())):
            yield key, added


def of_claim(
    user_id: str, challenge_id: str | None, tags: Iterable[str], claim_time: Instant, number: int = 1
) -> Parts:
    """What a claim adds; `number` -1 takes it back."""
    added = Standing(claimed=number)
    for scope in scopes_of(challenge_id, tags):
        for key in _keys(user_id, scope, claim_time, ()):
            yield key, added


def of_adjustment(
    user_id: str, points: int, adjust_time: Instant, points_schedules: Mapping[Scope, Collection[Schedule]]
) -> Parts:
    """What an operator's adjustment adds: it belongs to no challenge and no tag."""
    added = Standing(points=points, points_time=adjust_time, version=1)
    for key in _keys(user_id, EVERYTHING, adjust_time, points_schedules.get(EVERYTHING, ())):
        yield key, added


def add_up(parts: Iterable[tuple[StandingKey, Standing]]) -> dict[StandingKey, Standing]:
    """All parts together."""
    standings: dict[StandingKey, Standing] = {}
    for key, part in parts:
        standings.setdefault(key, Standing()).merge(part)
    return standings


def _keys(user_id: str, scope: Scope, time: Instant | None, of_boards: Iterable[Schedule]) -> Iterator[StandingKey]:
    """The lifetime in every scope, each day for everything, and what boards rank by."""
    schedules = {Schedule.LIFETIME}
    if time is not None:
        schedules.update(of_boards)
        if scope == EVERYTHING:
            schedules.add(Schedule.DAY)
    for schedule in schedules:
        yield StandingKey(user_id, schedule, period_at(schedule, time or 0).start, scope.kind, scope.id)


def _or_never(time: Instant | None) -> float:
    return float("-inf") if time is None else time


def _or_for_ever(duration: Instant | None) -> float:
    return float("inf") if duration is None else duration
