"""Players in the database, and everything that decides the progress of their goals."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

from shared.domain.current_periods import NO_PERIODS, CurrentPeriods
from shared.domain.instant import Instant
from shared.domain.player_view import StreakKey
from shared.domain.player_zones import Zones
from shared.domain.progress import Assignment, PlayerView
from shared.domain.streaks import Streak
from shared.postgres.connection import Connection
from shared.postgres.execution import Values
from shared.postgres.goals import player_streaks
from shared.postgres.goals.player_completions import completions_of, completions_of_periods, joined, with_packed
from shared.postgres.goals.player_tallies import period_tallies_of, tallies_of
from shared.postgres.goals.player_zones import last_zone, zone_columns, zones_of
from shared.postgres.statements import Statement, filled, int_array, statement, text_array

_READ = statement("read_player")
_READ_BY_PERIOD = statement("read_player_by_period")
_INSERT = statement("insert_player")


class StoredPlayer(NamedTuple):
    """A stored player."""

    time_zones: Sequence[str] | None
    """The stored time zone, then the names of the zones. None for a player who was never initialized."""
    view: PlayerView

    @property
    def zone_names(self) -> Sequence[str] | None:
        """The time zones that the player has named, in order of time. None for a player who was never initialized."""
        if self.time_zones is None:
            return None
        time_zone, *named = self.time_zones
        return named or [zone for _, zone in zones_of(time_zone, None, None)]


def read(connection: Connection, user_id: str, current: CurrentPeriods = NO_PERIODS) -> StoredPlayer:
    """Return a player with everything of the lifetime and of the `current` periods, in one round trip.

    `current` are the periods of players who have named no zone; those of this player are derived from them.
    """
    found, parameters = _statement_of(user_id, current)
    streaks = player_streaks.read_later(connection, user_id, current)
    return _stored(user_id, current, found.only_row(connection, *parameters), streaks())


def read_unless(
    connection: Connection, user_id: str, current: CurrentPeriods, is_known: Callable[[Values], bool]
) -> StoredPlayer | None:
    """Return a player as `read` does, or None if the values that were read are known.

    The values, the id and the periods decide the player, but for streaks, whose days are other rows.
    """
    found, parameters = _statement_of(user_id, current)
    streaks = player_streaks.read_later(connection, user_id, current)
    row = found.row_unless(connection, is_known, *parameters)
    return None if row is None else _stored(user_id, current, row, streaks())


def read_later(
    connection: Connection, user_id: str, current: CurrentPeriods = NO_PERIODS
) -> Callable[[], StoredPlayer | None]:
    """Queue the statement of `read`; it is sent with the transaction's next statement or with COMMIT.

    Return a function to call after that: it returns the player, or None if the response was lost.
    """
    found, parameters = _statement_of(user_id, current)
    streaks = player_streaks.read_later(connection, user_id, current)
    execution = found.defer(connection, *parameters)

    def stored() -> StoredPlayer | None:
        return _stored(user_id, current, execution.rows[0], streaks()) if execution.rows else None

    return stored


def _statement_of(user_id: str, current: CurrentPeriods) -> tuple[Statement, tuple[str, ...]]:
    """Return the statement that reads a player, and its parameters."""
    if current.of_lifetime:
        return _READ, (user_id,)
    return _READ_BY_PERIOD, (user_id, *_parameters.of(current))


def _stored(
    user_id: str, current: CurrentPeriods, row: Sequence[Any], streaks: Mapping[StreakKey, Streak]
) -> StoredPlayer:
    if current.of_lifetime:
        return StoredPlayer(row[0], _view(filled(row[1:]), streaks))
    time_zones, zone_times, ever, attributes, *selections = row[:7]
    time_zone, *zone_names = time_zones or (None,)
    zones = zones_of(time_zone, zone_times, zone_names)
    periods = current.of_player(zones)
    columns = filled(row[7:])
    completions, occurrences = joined(
        completions_of(*with_packed(columns[13:18], columns[33:])), completions_of_periods(periods, *columns[27:33])
    )
    view = PlayerView(
        tallies_of(*columns[:7]),
        assignments_of(*columns[7:12], baselines=columns[12]),
        completions,
        occurrences=occurrences,
        period_tallies=period_tallies_of(periods, *columns[18:27]),
        periods=periods.periods,
        ended=periods.ended,
        ever=frozenset(ever or ()),
        attributes=frozenset(attributes or ()),
        zones=zones,
        selected=selected_of(periods, user_id, zones, selections),
        streaks=streaks,
    )
    return StoredPlayer(time_zones, view)


class _Parameters:
    """The parameters that name periods. They are the same for all players until the next boundary."""

    def __init__(self) -> None:
        self._last: tuple[CurrentPeriods, tuple[str, ...]] = NO_PERIODS, ()

    def of(self, current: CurrentPeriods) -> tuple[str, ...]:
        """Return the parameters for these periods, as Postgres array literals."""
        last, parameters = self._last
        if last is not current:
            required_ever = text_array(current.required_ever)
            parameters = (
                *tally_ranges(current),
                *completion_ranges(current),
                required_ever,
                *pool_ranges(current),
                text_array(current.attributes),
            )
            self._last = current, parameters
        return parameters


_parameters = _Parameters()


def tally_ranges(current: CurrentPeriods) -> tuple[str, str, str]:
    """Return the schedules, and for each the first and last start that its current period may have for any player.

    Each of the three is a Postgres array literal.
    """
    found = list(current.tally_ranges())
    return (
        text_array([text for text, _ in found]),
        int_array([starts.first for _, starts in found]),
        int_array([starts.last for _, starts in found]),
    )


def pool_ranges(current: CurrentPeriods) -> tuple[str, str, str]:
    """Return the same as `tally_ranges` for pools, with the ids of their challenges instead of schedules."""
    found = list(current.pool_ranges())
    return (
        text_array([challenge_id for challenge_id, _ in found]),
        int_array([starts.first for _, starts in found]),
        int_array([starts.last for _, starts in found]),
    )


def selected_of(periods: CurrentPeriods, user_id: str, zones: Zones, columns: Sequence[Any]) -> frozenset[str]:
    """Return the goals of pools that a player has in these periods.

    `columns` are the pools, starts and goals of stored selections, one entry for each goal.
    """
    if periods.pools is None:
        return frozenset()
    stored: dict[tuple[str, Instant], list[str]] = defaultdict(list)
    for challenge_id, start, goal_id in zip(*filled(columns), strict=True):
        stored[challenge_id, start].append(goal_id)
    return periods.pools.selected(user_id, periods.periods, zones, stored)


def completion_ranges(current: CurrentPeriods) -> tuple[str, str]:
    """Return the first and last starts that current periods with completions may have, as Postgres array literals."""
    ranges = current.completion_ranges()
    return int_array([each.first for each in ranges]), int_array([each.last for each in ranges])


def _view(columns: Sequence[Sequence[Any]], streaks: Mapping[StreakKey, Streak]) -> PlayerView:
    """Return a player's lifetime view from the columns of tallies (7), assignments (6) and completions (5 and 5)."""
    completions, occurrences = completions_of(*with_packed(columns[13:18], columns[18:]))
    assignments = assignments_of(*columns[7:12], baselines=columns[12])
    return PlayerView(tallies_of(*columns[:7]), assignments, completions, occurrences=occurrences, streaks=streaks)


def assignments_of(
    goal_ids: Sequence[str], *columns: Sequence[Any], baselines: Sequence[int | None]
) -> dict[str, Assignment]:
    """Return a player's choices by goal id.

    `columns` are those of the fields of `Assignment` in their order; `baselines`, the last, is empty if there are none.
    """
    rows = zip(*columns, baselines or [None] * len(goal_ids), strict=True)
    return dict(zip(goal_ids, map(_assignment, rows), strict=True))


# Without a Python call for each: a player may have hundreds of goals.
_assignment = partial(tuple.__new__, Assignment)


def insert(connection: Connection, user_id: str, zones: Zones, now: Instant, schedules: Collection[str] = ()) -> bool:
    """Store a new player; return False if the player exists.

    `schedules` are the texts of those that depend on the player. If events were already counted for one of them, the
    player's zone is one that is named now.
    """
    columns = zone_columns(zones)
    stored = _INSERT.row(connection, user_id, last_zone(zones), now, *columns, text_array(sorted(schedules)))
    return stored is not None
