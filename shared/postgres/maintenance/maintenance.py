"""Looking after the database beside its users: a session without the limits that calls have, and what it does."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import TypeVar

import psycopg

from shared.domain.instant import Day
from shared.domain.maintenance import TableActivity
from shared.postgres.arrays import text_array
from shared.postgres.connection import Connection, connect_arguments
from shared.postgres.schema import ADVISORY_LOCK
from shared.postgres.statements import statement

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
    """The database is away, or does not allow what was asked; the message is the server's."""


class MaintenanceSession:
    """A session in which statements may take as long as they need."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def do(self, work: Callable[[Connection], _T]) -> _T:
        """Do something outside of any transaction. Raises `MaintenanceRefused` for what goes wrong."""
        with _refusals():
            return work(self._connection)


@contextmanager
def maintenance(url: str) -> Iterator[MaintenanceSession]:
    """Open a session. Raises `MaintenanceRefused` if the database is away."""
    with ExitStack() as opened:
        with _refusals():
            arguments = connect_arguments(CONNECT_TIMEOUT_S, "admin maintenance")
            connection = opened.enter_context(Connection.connect(url, **arguments))
            connection.execute("SET statement_timeout = 0")
            # What waits for old transactions to end keeps nobody else waiting.
            connection.execute("SET lock_timeout = 0")
        yield MaintenanceSession(connection)


@contextmanager
def _refusals() -> Iterator[None]:
    try:
        yield
    except psycopg.Error as error:
        raise MaintenanceRefused(error.diag.message_primary or str(error).partition("\n")[0]) from error


def is_alone(connection: Connection) -> bool:
    """Whether nobody else migrates or creates indexes; from now on until the session ends."""
    row = _TRY_LOCK.row(connection, ADVISORY_LOCK)
    return row is not None and bool(row[0])


def activity(connection: Connection) -> list[TableActivity]:
    """What has happened to the tables."""
    return list(map(TableActivity._make, _ACTIVITY.rows(connection)))


def indexes_to_warm(connection: Connection) -> list[str]:
    """Indexes that fit into the buffers; none where the extension pg_prewarm is missing."""
    row = _HAS_PREWARM.row(connection)
    if row is None or not row[0]:
        return []
    return [name for (name,) in _TO_WARM.rows(connection)]


def warm_index(connection: Connection, name: str) -> int:
    """Read an index, and answer how many pages it has."""
    row = _WARM.row(connection, name)
    return 0 if row is None else int(row[0])


def players_seen(connection: Connection, day: Day, after: str, limit: int) -> list[str]:
    """A portion of the players who had events on a day: those who come after one, byte by byte."""
    return [user_id for (user_id,) in _SEEN.rows(connection, day, after, limit)]


def read_rows(connection: Connection, user_ids: Sequence[str]) -> int:
    """Read what is stored of players, and answer how many rows it is."""
    row = _READ_ROWS.row(connection, text_array(user_ids))
    return 0 if row is None else int(row[0])
