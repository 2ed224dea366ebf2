"""Recalculation of standings from all completions, claims and adjustments, and the drift of stored standings."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from shared.domain.instant import Instant
from shared.domain.schedules import DAILY, LIFETIME, Schedule
from shared.domain.scopes import EVERYTHING, Scope
from shared.domain.standings import (
    CompletionRecord,
    Parts,
    Standing,
    StandingKey,
    add_up,
    adjustment_parts,
    claim_parts,
    completion_parts,
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


class History(NamedTuple):
    """Everything a player's standings are computed from, and the stored standings, as of one instant."""

    completed: Sequence[CompletedGoal]
    adjustments: Sequence[Adjustment]
    standings: Mapping[StandingKey, Standing]
    """The stored standings."""


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
    """Return a player's standings recalculated from the whole history."""
    return add_up(_parts(user_id, history, points_schedules))


def _parts(user_id: str, history: History, points_schedules: PointsSchedules) -> Parts:
    for record, claim_time in history.completed:
        yield from completion_parts(user_id, record, points_schedules)
        if claim_time is not None:
            yield from claim_parts(user_id, record.challenge_id, record.tags, claim_time)
    for points, time in history.adjustments:
        yield from adjustment_parts(user_id, points, time, points_schedules)


def drifts(
    stored: Mapping[StandingKey, Standing],
    expected: Mapping[StandingKey, Standing],
    points_schedules: PointsSchedules,
) -> list[Drift]:
    """Return the standings that differ from their recalculation, in key order.

    An empty standing equals a missing one. Standings in periods that no leaderboard ranks by any more are ignored.
    Versions only order the states of a standing, so they may differ.
    """
    found = []
    for key in sorted(stored.keys() | expected.keys()):
        if is_maintained(key, points_schedules):
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
