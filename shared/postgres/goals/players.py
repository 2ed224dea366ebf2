"""Players, and everything that their goals are judged by, in the database."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

from shared.domain.catalogue import Stat
from shared.domain.instant import Instant
from shared.domain.progress import Assignment, Completion, PlayerView, TallyView
from shared.domain.tally import Measures
from shared.postgres.arrays import filled
from shared.postgres.connection import Connection
from shared.postgres.events.tallies import stat_of
from shared.postgres.statements import statement

_READ = statement("read_player")
_INSERT = statement("insert_player")
_UPDATE_TIME_ZONE = statement("update_time_zone")


class StoredPlayer(NamedTuple):
    """A player as stored."""

    time_zone: str | None
    """None for a player that was never initialized."""
    view: PlayerView


def read(connection: Connection, user_id: str) -> StoredPlayer:
    """Everything about one player, in one round trip."""
    row = _READ.row(connection, user_id)
    if row is None:
        raise LookupError("read_player answers one row")
    time_zone = row[0]
    columns = filled(row[1:])
    return StoredPlayer(
        time_zone,
        PlayerView(tallies_of(*columns[:7]), assignments_of(*columns[7:11]), completions_of(*columns[11:])),
    )


def tallies_of(
    sources: Sequence[str], codes: Sequence[str], *measures_and_latest: Sequence[int | None]
) -> dict[Stat, TallyView]:
    """A player's lifetime tallies, from arrays of their columns."""
    *measures, latest = measures_and_latest
    views = map(_tally_view, zip(map(_measures, zip(*measures, strict=True)), latest, strict=True))
    return dict(zip(map(stat_of, sources, codes), views, strict=True))


def assignments_of(goal_ids: Sequence[str], *columns: Sequence[Any]) -> dict[str, Assignment]:
    """A player's choices, from arrays of their columns."""
    return dict(zip(goal_ids, map(_assignment, zip(*columns, strict=True)), strict=True))


def completions_of(goal_ids: Sequence[str], *columns: Sequence[Instant | None]) -> dict[str, Completion]:
    """What a player has completed, from arrays of the columns."""
    return dict(zip(goal_ids, map(_completion, zip(*columns, strict=True)), strict=True))


# Named tuples, made without a call of Python's for each: of a player's goals there may be hundreds.
_measures = partial(tuple.__new__, Measures)
_tally_view = partial(tuple.__new__, TallyView)
_assignment = partial(tuple.__new__, Assignment)
_completion = partial(tuple.__new__, Completion)


def insert(connection: Connection, user_id: str, time_zone: str, now: Instant) -> bool:
    """Store a new player; False if the player is there already."""
    return _INSERT.row(connection, user_id, time_zone, now) is not None


def update_time_zone(connection: Connection, user_id: str, time_zone: str) -> None:
    """Store another time zone."""
    _UPDATE_TIME_ZONE.rows(connection, user_id, time_zone)
