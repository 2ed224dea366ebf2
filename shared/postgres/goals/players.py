"""Players in the database, and everything that their goals are judged by."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple

from shared.domain.current_periods import NO_PERIODS, CurrentPeriods
from shared.domain.goal import Stat
from shared.domain.instant import Instant
from shared.domain.progress import Assignment, Completion, PlayerView, TallyView
from shared.domain.tally import Measures
from shared.postgres.arrays import filled, int_array, text_array
from shared.postgres.connection import Connection
from shared.postgres.events.tallies import stat_of
from shared.postgres.statements import statement

_READ = statement("read_player")
_READ_BY_PERIOD = statement("read_player_by_period")
_INSERT = statement("insert_player")
_UPDATE_TIME_ZONE = statement("update_time_zone")


class StoredPlayer(NamedTuple):
    """A stored player."""

    time_zone: str | None
    """None for a player who was never initialized."""
    view: PlayerView


def read(connection: Connection, user_id: str, current: CurrentPeriods = NO_PERIODS) -> StoredPlayer:
    """Return everything about one player as of the lifetime and the current periods, in one round trip."""
    periods = current.periods
    if not periods and not current.required_ever:
        time_zone, *arrays = _READ.only_row(connection, user_id)
        return StoredPlayer(time_zone, _view(filled(arrays)))
    starts = int_array([period.start for period in periods.values()])
    required_ever = text_array(current.required_ever)
    time_zone, ever, *arrays = _READ_BY_PERIOD.only_row(
        connection, user_id, text_array(list(periods)), starts, required_ever
    )
    columns = filled(arrays)
    lifetime = _view(columns[:15])
    completions = {**lifetime.completions, **completions_of_periods(current, *columns[23:])}
    view = lifetime._replace(
        completions=completions,
        period_tallies=period_tallies_of(*columns[15:23]),
        periods=periods,
        ended=current.ended,
        ever=frozenset(ever or ()),
    )
    return StoredPlayer(time_zone, view)


def _view(columns: Sequence[Sequence[Any]]) -> PlayerView:
    return PlayerView(tallies_of(*columns[:7]), assignments_of(*columns[7:12]), completions_of(*columns[12:]))


def tallies_of(
    sources: Sequence[str], codes: Sequence[str], *measures_and_latest: Sequence[int | None]
) -> dict[Stat, TallyView]:
    """Return a player's lifetime tallies from arrays of their columns."""
    return dict(zip(map(stat_of, sources, codes), _tally_views(*measures_and_latest), strict=True))


def period_tallies_of(
    sources: Sequence[str], codes: Sequence[str], *columns: Sequence[Any]
) -> dict[tuple[Stat, str], TallyView]:
    """Return a player's tallies of current periods from arrays of their columns, the last of which is the schedule."""
    *measures_and_latest, schedules = columns
    keys = zip(map(stat_of, sources, codes), schedules, strict=True)
    return dict(zip(keys, _tally_views(*measures_and_latest), strict=True))


def _tally_views(*measures_and_latest: Sequence[int | None]) -> Iterator[TallyView]:
    *measures, latest = measures_and_latest
    return map(_tally_view, zip(map(_measures, zip(*measures, strict=True)), latest, strict=True))


def assignments_of(goal_ids: Sequence[str], *columns: Sequence[Any]) -> dict[str, Assignment]:
    """Return a player's choices from arrays of their columns."""
    return dict(zip(goal_ids, map(_assignment, zip(*columns, strict=True)), strict=True))


def completions_of(goal_ids: Sequence[str], *columns: Sequence[Instant | None]) -> dict[str, Completion]:
    """Return a player's completions from arrays of their columns."""
    return dict(zip(goal_ids, map(_completion, zip(*columns, strict=True)), strict=True))


def completions_of_periods(
    current: CurrentPeriods, goal_ids: Sequence[str], *columns: Sequence[Instant | None]
) -> dict[str, Completion]:
    """Return the completions of goals' current periods from arrays of their columns, the last of which is the start.

    Periods of different schedules may start at one instant. Only the start of the goal's own period counts.
    """
    *times, starts = columns
    of_goals = map(current.starts.get, goal_ids)
    return {
        goal_id: completion
        for goal_id, start, expected, completion in zip(
            goal_ids, starts, of_goals, map(_completion, zip(*times, strict=True)), strict=True
        )
        if start == expected
    }


# Constructors of named tuples without a Python call each: a player may have hundreds of goals.
_measures = partial(tuple.__new__, Measures)
_tally_view = partial(tuple.__new__, TallyView)
_assignment = partial(tuple.__new__, Assignment)
_completion = partial(tuple.__new__, Completion)


def insert(connection: Connection, user_id: str, time_zone: str, now: Instant) -> bool:
    """Store a new player; return False if the player exists."""
    return _INSERT.row(connection, user_id, time_zone, now) is not None


def update_time_zone(connection: Connection, user_id: str, time_zone: str) -> None:
    """Store another time zone."""
    _UPDATE_TIME_ZONE.rows(connection, user_id, time_zone)
