"""Database maintenance while services run: a session without the limits of calls, and its steps."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import TypeVar

import psycopg

from shared.domain.instant import Day
from shared.domain.maintenance import TableActivity
from shared.postgres.connection import Connection
from shared.postgres.schema import ADVISORY_LOCK, BEHIND_POOLER, is_behind_pooler
from shared.postgres.session_options import connect_arguments
from shared.postgres.statements import statement, text_array

_T = TypeVar("_T")

CONNECT_TIMEOUT_S = 5

_TRY_LOCK = statement("try_schema_lock")
_ACTIVITY = statement("table_activity")
_HAS_PREWARM = statement("has_prewarm")
_TO_WARM = statement("indexes_to_warm")
_WARM = statement("warm_index")
_SEEN = statement("players_seen")
_READ_ROWS = statement("read_rows_of_players")


class MaintenanceRefused(Exception):
    """The database cannot be reached or refuses a step; the message is the server's."""


class MaintenanceSession:
    """A session without a statement timeout."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def do(self, work: Callable[[Connection], _T]) -> _T:
        """Do work outside of any transaction, and return its result. Raise `MaintenanceRefused` if it fails."""
        with _refusals():
            return work(self._connection)


@contextmanager
def maintenance(url: str) -> Iterator[MaintenanceSession]:
    """Open a session. Raise `MaintenanceRefused` if the database cannot be reached."""
    with ExitStack() as opened:
        with _refusals():
            arguments = connect_arguments(url, CONNECT_TIMEOUT_S, "admin maintenance")
            connection = opened.enter_context(Connection.connect(url, **arguments))
            if is_behind_pooler(connection):
                raise MaintenanceRefused(BEHIND_POOLER)
            connection.execute("SET statement_timeout = 0")
            # A step that waits for old transactions to end blocks no other session.
            connection.execute("SET lock_timeout = 0")
        yield MaintenanceSession(connection)


@contextmanager
def _refusals() -> Iterator[None]:
    try:
        yield
    except psycopg.Error as error:
        raise MaintenanceRefused(error.diag.message_primary or str(error).partition("\n")[0]) from error


def is_alone(connection: Connection) -> bool:
    """Lock the schema until the session ends; return False if another process migrates or creates indexes."""
    return bool(_TRY_LOCK.value(connection, ADVISORY_LOCK))


def activity(connection: Connection) -> list[TableActivity]:
    """Return what has happened to the tables since they were last vacuumed and analyzed."""
    return list(map(TableActivity._make, _ACTIVITY.rows(connection)))


def indexes_to_warm(connection: Connection) -> list[str]:
    """Return the indexes that fit into the buffers; none if the extension pg_prewarm is missing."""
    if not _HAS_PREWARM.value(connection):
        return []
    return [name for (name,) in _TO_WARM.rows(connection)]


def warm_index(connection: Connection, name: str) -> int:
    """Read an index into the buffers, and return its number of pages."""
    return int(_WARM.value(connection, name))


def players_seen(connection: Connection, day: Day, after: str, limit: int) -> list[str]:
    """Return a page of the players who had events on a day, after `after` in byte order."""
    return [user_id for (user_id,) in _SEEN.rows(connection, day, after, limit)]


def read_rows(connection: Connection, user_ids: Sequence[str]) -> int:
    """Read the stored rows of players, and return their number."""
    return int(_READ_ROWS.value(connection, text_array(user_ids)))
