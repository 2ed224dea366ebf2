"""Which connection of a pool is lent."""

from __future__ import annotations

from shared.postgres.connection import Connection
from shared.postgres.database import Database
from tests.support.databases import opened, soon

POOL_SIZE = 3


def backend(connection: Connection) -> int:
    """Return the process id of the session."""
    return connection.info.backend_pid


def in_use_at_once(database: Database, count: int = POOL_SIZE) -> list[int]:
    """Return the sessions of connections that are in use at once, in the order in which they are lent."""
    if not count:
        return []
    return database.autocommit(lambda lent: [backend(lent), *in_use_at_once(database, count - 1)], soon())


def test_calls_one_at_a_time_use_one_session(database_url: str) -> None:
    with opened(database_url, pool_size=POOL_SIZE) as database:
        assert len(set(in_use_at_once(database))) == POOL_SIZE
        assert len({database.autocommit(backend, soon()) for _ in range(2 * POOL_SIZE)}) == 1


def test_the_connection_that_was_given_back_last_is_lent_first(database_url: str) -> None:
    with opened(database_url, pool_size=POOL_SIZE) as database:
        used = in_use_at_once(database)
        # The last one was given back first.
        assert in_use_at_once(database) == used
