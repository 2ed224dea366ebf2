"""Players in the database, and everything that their goals are judged by."""

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
    """A stored player."""

    time_zone: str | None
    """None for a player who was never initialized."""
    view: PlayerView


def read(connection: Connection, user_id: str) -> StoredPlayer:
    """Return everything about one player, in one round trip."""
    time_zone, *arrays = _READ.only_row(connection, user_id)
    columns = filled(arrays)
    return StoredPlayer(
        time_zone,
        PlayerView(tallies_of(*columns[:7]), assignments_of(*columns[7:11]), completions_of(*columns[11:])),
    )


def tallies_of(
    sources: Sequence[str], codes: Sequence[str], *measures_and_latest: Sequence[int | None]
) -> dict[Stat, TallyView]:
    """Return a player's lifetime tallies from arrays of their columns."""
    *measures, latest = measures_and_latest
    views = map(_tally_view, zip(map(_measures, zip(*measures, strict=True)), latest, strict=True))
    return dict(zip(map(stat_of, sources, codes), views, strict=True))


def assignments_of(goal_ids: Sequence[str], *columns: Sequence[Any]) -> dict[str, Assignment]:
    """Return a player's choices from arrays of their columns."""
    return dict(zip(goal_ids, map(_assignment, zip(*columns, strict=True)), strict=True))


def completions_of(goal_ids: Sequence[str], *columns: Sequence[Instant | None]) -> dict[str, Completion]:
    """Return a player's completions from arrays of their columns."""
    return dict(zip(goal_ids, map(_completion, zip(*columns, strict=True)), strict=True))


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
