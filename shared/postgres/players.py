"""Players, and everything that their goals are judged by, in the database."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import repeat
from typing import Any, NamedTuple, TypeVar

from shared.domain.catalogue import Stat
from shared.domain.instant import Instant
from shared.domain.progress import Assignment, Completion, PlayerView, TallyView
from shared.domain.tally import Measures
from shared.postgres.connection import Connection
from shared.postgres.statements import statement
from shared.postgres.tallies import stat_of

_R = TypeVar("_R", bound=tuple[Any, ...])

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
    time_zone, *columns = row
    return StoredPlayer(
        time_zone,
        PlayerView(
            tallies_of(*filled(columns[:7])),
            assignments_of(*filled(columns[7:11])),
            _completions(*filled(columns[11:])),
        ),
    )


def filled(columns: Sequence[Sequence[Any] | None]) -> Sequence[Sequence[Any]]:
    """The arrays of one table, which are null together where it has no row of the player."""
    return [column or () for column in columns]


def tallies_of(
    sources: Sequence[str], codes: Sequence[str], *measures_and_latest: Sequence[int | None]
) -> dict[Stat, TallyView]:
    """A player's lifetime tallies, from arrays of their columns."""
    *measures, latest = measures_and_latest
    views = _records(TallyView, _records(Measures, *measures), latest)
    return dict(zip(map(stat_of, sources, codes), views, strict=True))


def assignments_of(goal_ids: Sequence[str], *columns: Sequence[Any]) -> dict[str, Assignment]:
    """A player's choices, from arrays of their columns."""
    return dict(zip(goal_ids, _records(Assignment, *columns), strict=True))


def _completions(goal_ids: Sequence[str], *columns: Sequence[Instant | None]) -> dict[str, Completion]:
    return dict(zip(goal_ids, _records(Completion, *columns), strict=True))


def _records(kind: type[_R], *columns: Iterable[Any]) -> Iterator[_R]:
    """Named tuples of the columns' values, made without a call of Python's for each: of a player's goals there may be
    hundreds.
    """
    return map(tuple.__new__, repeat(kind), zip(*columns, strict=True))


def insert(connection: Connection, user_id: str, time_zone: str, now: Instant) -> bool:
    """Store a new player; False if the player is there already."""
    return _INSERT.row(connection, user_id, time_zone, now) is not None


def update_time_zone(connection: Connection, user_id: str, time_zone: str) -> None:
    """Store another time zone."""
    _UPDATE_TIME_ZONE.rows(connection, user_id, time_zone)
