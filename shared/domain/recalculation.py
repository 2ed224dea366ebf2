"""What standings must be: what completions, claims and adjustments are worth, added up from the beginning."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from shared.domain.catalogue import EVERYTHING, Scope
from shared.domain.instant import Instant
from shared.domain.periods import Schedule
from shared.domain.standings import (
    CompletionRecord,
    Parts,
    Standing,
    StandingKey,
    add_up,
    of_adjustment,
    of_claim,
    of_completion,
)

PointsSchedules = Mapping[Scope, Collection[Schedule]]
"""Of the catalogue's boards."""


class CompletedGoal(NamedTuple):
    """A completion, and its claim."""

    record: CompletionRecord
    claim_time: Instant | None
    """None if it is not claimed."""


class Adjustment(NamedTuple):
    """Points that an operator gave or took."""

    points: int
    time: Instant


class History(NamedTuple):
    """Everything that a player's standings are made of, and the standings, as of one instant."""

    completed: Sequence[CompletedGoal]
    adjustments: Sequence[Adjustment]
    standings: Mapping[StandingKey, Standing]
    """As they are kept."""


class Drift(NamedTuple):
    """A standing that is not what it must be."""

    key: StandingKey
    stored: Standing
    expected: Standing

    @property
    def repaired(self) -> Standing:
        """What is to be stored: later than whatever anybody has seen of it, so that Redis takes it for newer."""
        return replace(self.expected, version=max(self.stored.version, self.expected.version) + 1)


def recalculated(user_id: str, history: History, points_schedules: PointsSchedules) -> dict[StandingKey, Standing]:
    """A player's standings, from the beginning."""
    return add_up(_parts(user_id, history, points_schedules))


def _parts(user_id: str, history: History, points_schedules: PointsSchedules) -> Parts:
    for record, claim_time in history.completed:
        yield from of_completion(user_id, record, points_schedules)
        if claim_time is not None:
            yield from of_claim(user_id, record.challenge_id, record.tags, claim_time)
    for points, time in history.adjustments:
        yield from of_adjustment(user_id, points, time, points_schedules)


def drifts(
    stored: Mapping[StandingKey, Standing],
    expected: Mapping[StandingKey, Standing],
    points_schedules: PointsSchedules,
) -> list[Drift]:
    """Where standings are not what they must be, in the order of their keys.

    One that holds nothing is as good as none. Standings in periods that no board ranks by any more stay as they are.
    Versions only order the states of a standing, so they may differ.
    """
    found = []
    for key in sorted(stored.keys() | expected.keys()):
        if is_kept_up(key, points_schedules):
            drift = Drift(key, stored.get(key, Standing()), expected.get(key, Standing()))
            if _numbers(drift.stored) != _numbers(drift.expected):
                found.append(drift)
    return found


def is_kept_up(key: StandingKey, points_schedules: PointsSchedules) -> bool:
    """Whether transactions under this catalogue keep the standing up."""
    scope = Scope(key.scope, key.scope_id)
    return (
        key.schedule is Schedule.LIFETIME
        or (key.schedule is Schedule.DAY and scope == EVERYTHING)
        or key.schedule in points_schedules.get(scope, ())
    )


def _numbers(standing: Standing) -> Standing:
    return replace(standing, version=0)
