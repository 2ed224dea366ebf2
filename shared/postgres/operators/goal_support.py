"""Completions and tallies as operators correct them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from shared.domain.events import CompletionKey
from shared.domain.goal import Goal, Source
from shared.domain.instant import Instant
from shared.domain.standings import CompletionRecord
from shared.domain.tally import Tally, TallyKey
from shared.postgres.connection import Connection
from shared.postgres.events.tallies import stretches_of
from shared.postgres.statements import int_array, nullable_int_array, statement, text_array

_TAKE = statement("take_completions")
_READ_REOPENED = statement("read_reopened")
_SUBTRACT = statement("subtract_from_tallies")
_TAKE_TALLY = statement("take_tally")
_TAKE_VALUES = statement("take_distinct_values")
_TAKE_BASELINES = statement("take_baselines")
_RETURN_BASELINES = statement("return_baselines")
_RETURN_VALUES = statement("return_distinct_values")
_DISTRUST = statement("distrust_boards_of_tally")


class TakenBack(NamedTuple):
    """A completion that was taken back."""

    occurrence: int
    complete_time: Instant | None
    points: int
    claimed: bool
    """True if its claim stands."""


def take_completions(
    connection: Connection, user_id: str, goal_id: str, period_start: Instant, occurrence: int | None
) -> list[TakenBack]:
    """Move the completions of a goal in a period, or one occurrence, to `reopened_completion`; return them."""
    return sorted(map(TakenBack._make, _TAKE.rows(connection, user_id, goal_id, period_start, occurrence)))


def read_reopened(
    connection: Connection, user_id: str, goal_id: str, period_start: Instant
) -> dict[CompletionKey, CompletionRecord]:
    """Return the completions of a goal in a period that were taken back and have not been completed again."""
    return {
        CompletionKey(user_id, goal_id, period_start, occurrence): CompletionRecord(
            complete_time, challenge_id, tuple(json.loads(tags)), points, active_since
        )
        for occurrence, complete_time, challenge_id, tags, points, active_since in _READ_REOPENED.rows(
            connection, user_id, goal_id, period_start
        )
    }


def subtract(connection: Connection, user_id: str, tallies: Mapping[TallyKey, Tally]) -> None:
    """Subtract the sums and numbers of events of these tallies of one player from the stored ones."""
    keys = sorted(tallies)
    _SUBTRACT.rows(
        connection,
        user_id,
        text_array([key.stat.source for key in keys]),
        text_array([key.stat.code for key in keys]),
        text_array([key.schedule for key in keys]),
        int_array([key.period_start for key in keys]),
        int_array([tallies[key].sum for key in keys]),
        int_array([tallies[key].events for key in keys]),
    )


class TakenTally(NamedTuple):
    """A tally that was deleted, as the audit keeps it."""

    measures: Mapping[str, Any]
    days: str
    """Literal of an int4multirange."""
    value_hashes: Sequence[str]
    """In hexadecimal digits."""
    baselines: Sequence[tuple[str, int, Instant | None]] = ()
    """Goals that count from their activation on, with where they began and when that was."""

    def tally(self) -> Tally:
        """Return the tally as the domain has it, its stretches of days as a set."""
        days = {day for start, end in stretches_of(self.days) for day in range(start, end)}
        return Tally(**self.measures, days=days)


def take_tally(connection: Connection, key: TallyKey, credited: Sequence[Goal]) -> TakenTally | None:
    """Delete a tally, and return it; None if there was none. The `credited` goals count from zero then."""
    row = _TAKE_TALLY.row(connection, *_columns(key))
    if row is None:
        return None
    values: list[str] = []
    if key.stat.source is Source.DERIVED:
        of_stat = (key.user_id, key.stat.code, key.schedule, key.period_start)
        values = [value for (value,) in _TAKE_VALUES.rows(connection, *of_stat)]
    baselines = []
    if credited:
        goal_ids = text_array(sorted(goal.id for goal in credited))
        baselines = _TAKE_BASELINES.rows(connection, key.user_id, goal_ids, key.period_start)
    return TakenTally(json.loads(row[0]), row[1], values, [(*each,) for each in baselines])


def return_baselines(connection: Connection, key: TallyKey, taken: TakenTally, credited: Sequence[Goal]) -> None:
    """Restore the goals' baselines after a deleted tally was stored again."""
    if not credited:
        return
    earlier = {goal_id: rest for goal_id, *rest in taken.baselines}
    baselines, active_sinces = zip(*(earlier.get(goal.id, (0, None)) for goal in credited), strict=True)
    measures = taken.tally().measures
    _RETURN_BASELINES.rows(
        connection,
        key.user_id,
        key.period_start,
        text_array([goal.id for goal in credited]),
        int_array(baselines),
        nullable_int_array(active_sinces),
        int_array([measures.judged_by(goal.counting) for goal in credited]),
    )


def return_values(connection: Connection, key: TallyKey, value_hashes: Sequence[str]) -> None:
    """Store the distinct values of a tally again."""
    hashes = text_array(["\\x" + each for each in value_hashes])
    _RETURN_VALUES.rows(connection, key.user_id, key.stat.code, key.schedule, key.period_start, hashes)


def distrust_boards(connection: Connection, key: TallyKey) -> None:
    """Have rankings by such a tally built again in Redis, because an operator has changed its measures."""
    _DISTRUST.rows(connection, key.stat.source.value, key.stat.code, key.schedule)


def _columns(key: TallyKey) -> tuple[object, ...]:
    return key.user_id, key.stat.source.value, key.stat.code, key.schedule, key.period_start
