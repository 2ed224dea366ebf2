"""Players, and everything that their goals are judged by, in the database."""

from __future__ import annotations

from typing import NamedTuple

from shared.domain.catalogue import Stat
from shared.domain.instant import Instant
from shared.domain.progress import Assignment, Completion, PlayerView, TallyView
from shared.domain.tally import Measures
from shared.postgres.connection import Connection
from shared.postgres.statements import statement
from shared.postgres.tallies import stat_of

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
    time_zone: str | None = None
    tallies: dict[Stat, TallyView] = {}
    assignments: dict[str, Assignment] = {}
    completions: dict[str, Completion] = {}
    for kind, key, code, flag, first_time, second_time, *numbers in _READ.rows(connection, user_id):
        match kind:
            case "tally":
                *measures, latest = numbers
                tallies[stat_of(key, code)] = TallyView(Measures(*measures), latest)
            case "assignment":
                assignments[key] = Assignment(flag, first_time, numbers[0])
            case "completion":
                completions[key] = Completion(first_time, second_time)
            case "player":
                time_zone = key
    return StoredPlayer(time_zone, PlayerView(tallies, assignments, completions))


def insert(connection: Connection, user_id: str, time_zone: str, now: Instant) -> bool:
    """Store a new player; False if the player is there already."""
    return _INSERT.row(connection, user_id, time_zone, now) is not None


def update_time_zone(connection: Connection, user_id: str, time_zone: str) -> None:
    """Store another time zone."""
    _UPDATE_TIME_ZONE.run(connection, user_id, time_zone)
