"""Deadlocks, which callers do not see, because transactions are retried."""

from __future__ import annotations

from shared.postgres.connection import Connection
from tests.support.waiting import wait_until

OTHERS = b"SELECT FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
CLUSTERED = b"SELECT FROM pg_extension WHERE extname = 'citus'"


def assert_no_deadlock(connection: Connection) -> None:
    """Assert that no transaction in this database was ended by a deadlock.

    Assert nothing on a cluster: locks on shards are taken in parallel there, so deadlocks happen, and are retried.
    """
    if connection.execute(CLUSTERED).fetchall():
        return
    # A session publishes its statistics at the latest when it ends.
    wait_until(lambda: connection.execute(OTHERS).fetchall() == [])
    found = connection.execute("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()").fetchone()
    assert found == (0,)
