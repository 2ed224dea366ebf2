"""Standings: a player's completed goals, claimed rewards and points in a scope and a period.

A standing is a commutative monoid like a tally: completions, claims and adjustments may be added in any order and
grouping. It is updated with every completion and recalculated from the whole history only to check it.
`merge_standings` in `shared/postgres/statistics/standings.sql` is the same merge in the database.

Scopes are the sets of goals that statistics and leaderboards of points count.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple

from shared.domain.goal import Goal
from shared.domain.instant import LIFETIME_START, Instant, Microseconds
from shared.domain.schedules import DAILY, LIFETIME, Schedule
from shared.domain.tally import SUM_MAX


class ScopeKind(StrEnum):
    """The kind of a scope. Values are stored in the database."""

    ALL = "all"
    CHALLENGE = "challenge"
    TAG = "tag"


class Scope(NamedTuple):
    """A set of goals that count for a statistic."""

    kind: ScopeKind
    id: str
    """The challenge id or the tag; empty exactly for `ALL`."""


EVERYTHING = Scope(ScopeKind.ALL, "")
SCOPES_CACHED_MAX = 4_096
"""Maximum number of challenges with tags whose scopes a process remembers; a catalogue has fewer of them than goals."""


def scopes_of(challenge_id: str | None, tags: Iterable[str]) -> tuple[Scope, ...]:
    """Return the scopes a goal counts in. `challenge_id` is None if the challenge is no longer known."""
    return _scopes_of(challenge_id, tuple(tags))


@lru_cache(SCOPES_CACHED_MAX)
def _scopes_of(challenge_id: str | None, tags: tuple[str, ...]) -> tuple[Scope, ...]:
    challenge = (Scope(ScopeKind.CHALLENGE, challenge_id),) if challenge_id is not None else ()
    return (EVERYTHING, *challenge, *(Scope(ScopeKind.TAG, tag) for tag in tags))


class StandingKey(NamedTuple):
    """The key of a standing. Transactions lock standings in key order."""

    user_id: str
    schedule: str
    """Canonical text of the schedule."""
    period_start: Instant
    scope: ScopeKind
    scope_id: str


@dataclass(slots=True)
class Standing:
    """Numbers of completed goals and claimed rewards, and points."""

    completed: int = 0
    claimed: int = 0
    """Rewards currently claimed; a refund subtracts one."""
    points: int = 0
    """Saturates at ±`SUM_MAX`; negative only by adjustments."""
    points_time: Instant | None = None
    """The newest completion or adjustment with a known instant."""
    fastest: Microseconds | None = None
    """The shortest time from activation to completion, in microseconds."""
    version: int = 0
    """Number of completions and adjustments included; of two states of a standing the later one has more."""

    def merge(self, other: Standing) -> None:
        """Add another standing to this one."""
        self.completed += other.completed
        self.claimed += other.claimed
        if other.points:
            self.points = max(-SUM_MAX, min(self.points + other.points, SUM_MAX))
        time, duration = other.points_time, other.fastest
        if time is not None and (self.points_time is None or time > self.points_time):
            self.points_time = time
        if duration is not None and (self.fastest is None or duration < self.fastest):
            self.fastest = duration
        self.version += other.version


class CompletionRecord(NamedTuple):
    """The facts that a completion's standings depend on, as of when it happened."""

    complete_time: Instant | None = None
    """None if the target was already reached when the goal became active; it then counts for the lifetime only."""
    challenge_id: str | None = None
    """None only for completions recorded before challenges were stored."""
    tags: tuple[str, ...] = ()
    points: int = 0
    active_since: Instant | None = None
    """When the goal became active for the player, or its period began if that was later; None if unknown."""


def record_of(
    goal: Goal,
    complete_time: Instant | None,
    active_since: Instant | None,
    period_start: Instant = LIFETIME_START,
    occurrence: int = 1,
) -> CompletionRecord:
    """Return the record of an occurrence of the goal in the period that starts then."""
    # In a period a goal is active from its start at the earliest, however long ago it was activated.
    since = None if active_since is None else max(active_since, period_start)
    return CompletionRecord(complete_time, goal.challenge_id, goal.tags, goal.points_of(occurrence), since)


Parts = Iterator[tuple[StandingKey, Standing]]
"""Standings to add, by key; keys may repeat."""


def completion_parts(
    user_id: str, record: CompletionRecord, points_schedules: Mapping[Scope, Collection[Schedule]]
) -> Parts:
    """Yield what a completion adds. `points_schedules` are those of the catalogue's leaderboards."""
    time = record.complete_time
    duration = time - record.active_since if time is not None and record.active_since is not None else None
    # An event may be older than the activation of the goal it completes.
    fastest = duration if duration is not None and duration >= 0 else None
    added = Standing(completed=1, points=record.points, points_time=time, fastest=fastest, version=1)
    for scope in scopes_of(record.challenge_id, record.tags):
        for key in _keys(user_id, scope, time, points_schedules.get(scope, ())):
            yield key, added


def claim_parts(
    user_id: str, challenge_id: str | None, tags: Iterable[str], claim_time: Instant, number: int = 1
) -> Parts:
    """Yield what a claim adds; a `number` of -1 subtracts it."""
    added = Standing(claimed=number)
    for scope in scopes_of(challenge_id, tags):
        for key in _keys(user_id, scope, claim_time, ()):
            yield key, added


def adjustment_parts(
    user_id: str, points: int, adjust_time: Instant, points_schedules: Mapping[Scope, Collection[Schedule]]
) -> Parts:
    """Yield what an operator's adjustment adds; it belongs to no challenge and no tag."""
    added = Standing(points=points, points_time=adjust_time, version=1)
    for key in _keys(user_id, EVERYTHING, adjust_time, points_schedules.get(EVERYTHING, ())):
        yield key, added


def add_up(parts: Iterable[tuple[StandingKey, Standing]]) -> dict[StandingKey, Standing]:
    """Return the sum of all parts by key."""
    standings: dict[StandingKey, Standing] = {}
    for key, part in parts:
        standings.setdefault(key, Standing()).merge(part)
    return standings


def _keys(user_id: str, scope: Scope, time: Instant | None, of_boards: Collection[Schedule]) -> Iterator[StandingKey]:
    """Yield the lifetime in every scope, the day for everything, and the periods that leaderboards rank by."""
    kind, scope_id = scope
    yield StandingKey(user_id, LIFETIME.text, LIFETIME_START, kind, scope_id)
    if time is None:
        return
    # Nearly always no leaderboard ranks by the scope. Looking a schedule up in a set would hash it.
    schedules = [schedule for schedule in of_boards if schedule not in (LIFETIME, DAILY)] if of_boards else []
    if scope == EVERYTHING or (of_boards and DAILY in of_boards):
        schedules.append(DAILY)
    for schedule in schedules:
        period = schedule.period_at(time)
        if period is not None:
            yield StandingKey(user_id, schedule.text, period.start, kind, scope_id)
