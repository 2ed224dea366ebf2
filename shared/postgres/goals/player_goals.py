"""Some goals of a player in the database: what their status depends on, and nothing else of the player."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, NamedTuple

from shared.domain.current_periods import CurrentPeriods, Range
from shared.domain.goal import Goal
from shared.domain.instant import LIFETIME_START
from shared.domain.player_view import StreakKey
from shared.domain.progress import Completion, PlayerView
from shared.domain.schedules import LIFETIME
from shared.domain.streaks import Streak
from shared.postgres.connection import Connection
from shared.postgres.execution import Execution
from shared.postgres.goals import player_attributes, player_streaks
from shared.postgres.goals.player_completions import by_occurrence
from shared.postgres.goals.player_tallies import period_tallies_of, tallies_of
from shared.postgres.goals.player_zones import zones_of
from shared.postgres.goals.players import assignments_of
from shared.postgres.statements import filled, int_array, statement, text_array

_READ = statement("read_player_goals")
_READ_EVER = statement("read_completed_ever")
_LIFETIME_RANGE = Range(LIFETIME_START, LIFETIME_START)


def read(connection: Connection, user_id: str, goals: Collection[Goal], current: CurrentPeriods) -> PlayerView:
    """Return a view of the player that has the status of these goals, as of the lifetime and the current periods.

    The goals that they require must be among them.
    """
    separate = _read_separately(connection, user_id, goals, current)
    return _stored(goals, current, _READ.only_row(connection, *_parameters(user_id, goals, current)), separate)


def read_later(
    connection: Connection, user_id: str, goals: Collection[Goal], current: CurrentPeriods
) -> Callable[[], PlayerView]:
    """Queue the statement of `read`; it is sent with the transaction's next statement or with COMMIT.

    Return a function to call after that: it returns the view.
    """
    separate = _read_separately(connection, user_id, goals, current)
    execution = _READ.defer(connection, *_parameters(user_id, goals, current))
    return lambda: _stored(goals, current, execution.rows[0], separate)


class _SeparateReads(NamedTuple):
    """The parts of a player that few goals need, each read by a statement of its own, only if a goal needs it."""

    streaks: Callable[[], Mapping[StreakKey, Streak]]
    ever: Execution | None
    attributes: Callable[[], Collection[str]]


def _read_separately(
    connection: Connection, user_id: str, goals: Collection[Goal], current: CurrentPeriods
) -> _SeparateReads:
    """Queue these statements; they are sent with the next one, which the caller executes."""
    ever = [goal.id for goal in goals if goal.id in current.required_ever] if current.required_ever else ()
    return _SeparateReads(
        player_streaks.read_later(
            connection, user_id, current, {goal.stat for goal in goals if goal.streak is not None}
        ),
        _READ_EVER.precede(connection, user_id, text_array(ever)) if ever else None,
        player_attributes.read_later(connection, user_id, current.attributes),
    )


def _parameters(user_id: str, goals: Collection[Goal], current: CurrentPeriods) -> Sequence[str]:
    ranges = {LIFETIME.text: _LIFETIME_RANGE, **dict(current.tally_ranges())}
    wanted = [(goal, ranges[goal.schedule.text]) for goal in goals if goal.schedule.text in ranges]
    # Two rows of one tally would be one tally twice.
    tallies = sorted({(goal.schedule.text, *starts, goal.stat.source.value, goal.stat.code) for goal, starts in wanted})
    schedules, firsts, lasts, sources, codes = zip(*tallies, strict=True) if tallies else ((),) * 5
    return (
        user_id,
        text_array([goal.id for goal in goals]),
        text_array(schedules),
        int_array(firsts),
        int_array(lasts),
        text_array(sources),
        text_array(codes),
        text_array([goal.id for goal, _ in wanted]),
        int_array([starts.first for _, starts in wanted]),
        int_array([starts.last for _, starts in wanted]),
    )


def _stored(
    goals: Collection[Goal], current: CurrentPeriods, row: Sequence[Any], separate: _SeparateReads
) -> PlayerView:
    time_zones, zone_times, *arrays = row
    time_zone, *zone_names = time_zones or (None,)
    zones = zones_of(time_zone, zone_times, zone_names)
    periods = current.of_player(zones)
    columns = filled(arrays)
    starts = {goal.id: LIFETIME_START if goal.schedule == LIFETIME else periods.starts.get(goal.id) for goal in goals}
    lifetime, by_period = _divided(columns[:9])
    completions, occurrences = by_occurrence(
        (goal_id, occurrence, Completion(*fields))
        for goal_id, *fields, start, occurrence in zip(*columns[15:], strict=True)
        if start == starts[goal_id]
    )
    return PlayerView(
        tallies_of(*lifetime[:7]),
        assignments_of(*columns[9:14], baselines=columns[14]),
        completions,
        period_tallies_of(periods, *by_period),
        periods.periods,
        periods.ended,
        frozenset() if separate.ever is None else frozenset(goal_id for (goal_id,) in separate.ever.rows),
        zones,
        attributes=frozenset(separate.attributes()),
        occurrences=occurrences,
        streaks=separate.streaks(),
    )


def _divided(columns: Sequence[Sequence[Any]]) -> tuple[Sequence[Sequence[Any]], Sequence[Sequence[Any]]]:
    """Return the columns of the lifetime's tallies, and those of tallies of periods."""
    rows = list(zip(*columns, strict=True))
    lifetime = [row for row in rows if row[7] == LIFETIME.text]
    others = [row for row in rows if row[7] != LIFETIME.text]
    nothing: Sequence[Sequence[Any]] = [()] * len(columns)
    return list(zip(*lifetime, strict=True)) or nothing, list(zip(*others, strict=True)) or nothing
