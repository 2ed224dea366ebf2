"""Recalculation of standings from all completions, claims and adjustments, and the drift of stored standings.

Completions that were deleted by the retention setting count by their sums for the lifetime. Days and periods of
leaderboards that they were in are closed: their standings stay as they are stored.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from shared.domain.instant import LIFETIME_START, Instant
from shared.domain.schedules import DAILY, LIFETIME, Schedule
from shared.domain.standings import (
    EVERYTHING,
    CompletionRecord,
    Parts,
    Scope,
    Standing,
    StandingKey,
    add_up,
    adjustment_parts,
    claim_parts,
    completion_parts,
    scopes_of,
)

PointsSchedules = Mapping[Scope, Collection[Schedule]]
"""The schedules of the catalogue's leaderboards over each scope's points."""


class CompletedGoal(NamedTuple):
    """A completion and its claim."""

    record: CompletionRecord
    claim_time: Instant | None
    """None if unclaimed."""


class Adjustment(NamedTuple):
    """Points added or removed by an operator."""

    points: int
    time: Instant


class CarriedForward(NamedTuple):
    """The sum of deleted completions of one goal, and of their claims."""

    challenge_id: str
    tags: tuple[str, ...]
    standing: Standing
    """The part of each of the lifetime's standings."""
    closed_before: Instant
    """All of them were completed and claimed before."""


class StandingClaim(NamedTuple):
    """The claim of a completion that an operator took back: its reward stays with the player."""

    challenge_id: str | None
    tags: tuple[str, ...]
    claim_time: Instant


class History(NamedTuple):
    """Everything a player's standings are computed from, and the stored standings, as of one instant."""

    completed: Sequence[CompletedGoal]
    adjustments: Sequence[Adjustment]
    standings: Mapping[StandingKey, Standing]
    """The stored standings."""
    carried: Sequence[CarriedForward] = ()
    reopened: Sequence[StandingClaim] = ()

    def is_closed(self, key: StandingKey) -> bool:
        """Return True if completions of its period may have been deleted, so that it cannot be recalculated."""
        if key.schedule == LIFETIME.text:
            return False
        return any(key.period_start < each.closed_before for each in self.carried)


class Drift(NamedTuple):
    """A stored standing that differs from its recalculation."""

    key: StandingKey
    stored: Standing
    expected: Standing

    @property
    def repaired(self) -> Standing:
        """The standing to store. Its version is greater than any seen before, so that Redis accepts it as newer."""
        return replace(self.expected, version=max(self.stored.version, self.expected.version) + 1)


def recalculated(user_id: str, history: History, points_schedules: PointsSchedules) -> dict[StandingKey, Standing]:
    """Return a player's standings recalculated from the whole history, without those of closed periods."""
    added_up = add_up(_parts(user_id, history, points_schedules))
    return {key: standing for key, standing in added_up.items() if not history.is_closed(key)}


def _parts(user_id: str, history: History, points_schedules: PointsSchedules) -> Parts:
    """Yield what each completion, claim and adjustment of a history adds to the player's standings."""
    for record, claim_time in history.completed:
        yield from completion_parts(user_id, record, points_schedules)
        if claim_time is not None:
            yield from claim_parts(user_id, record.challenge_id, record.tags, claim_time)
    for challenge_id, tags, claim_time in history.reopened:
        yield from claim_parts(user_id, challenge_id, tags, claim_time)
    for challenge_id, tags, standing, _ in history.carried:
        for scope in scopes_of(challenge_id, tags):
            yield StandingKey(user_id, LIFETIME.text, LIFETIME_START, scope.kind, scope.id), standing
    for points, time in history.adjustments:
        yield from adjustment_parts(user_id, points, time, points_schedules)


def drifts(user_id: str, history: History, points_schedules: PointsSchedules) -> list[Drift]:
    """Return the stored standings that differ from their recalculation, in key order.

    An empty standing equals a missing one. Standings of closed periods, and in periods that no leaderboard ranks by any
    more, are ignored. Versions only order the states of a standing, so they may differ.
    """
    stored, expected = history.standings, recalculated(user_id, history, points_schedules)
    found = []
    for key in sorted(stored.keys() | expected.keys()):
        if is_maintained(key, points_schedules) and not history.is_closed(key):
            drift = Drift(key, stored.get(key, Standing()), expected.get(key, Standing()))
            if _numbers(drift.stored) != _numbers(drift.expected):
                found.append(drift)
    return found


def is_maintained(key: StandingKey, points_schedules: PointsSchedules) -> bool:
    """Return True if transactions under this catalogue maintain the standing."""
    scope = Scope(key.scope, key.scope_id)
    return (
        key.schedule == LIFETIME.text
        or (key.schedule == DAILY.text and scope == EVERYTHING)
        or any(schedule.text == key.schedule for schedule in points_schedules.get(scope, ()))
    )


def _numbers(standing: Standing) -> Standing:
    return replace(standing, version=0)
