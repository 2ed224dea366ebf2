"""Waiting for the schema: for programs that start while another one migrates."""

from __future__ import annotations

import time

import psycopg

from shared.postgres.connection import Connection
from shared.postgres.migrations import missing_migrations

POLL_S = 1.0
CONNECT_TIMEOUT_S = 5


class SchemaBehind(Exception):
    """The database lacked migrations, or could not be reached, until the wait ended; the message says which."""


def wait_until_migrated(address: str, timeout_s: float) -> None:
    """Return once the database has all migrations of this release; raise `SchemaBehind` after `timeout_s`.

    It needs no right but to read, and may be asked through a connection pooler.
    """
    deadline = time.monotonic() + timeout_s
    while problem := _problem(address, deadline):
        if time.monotonic() + POLL_S > deadline:
            raise SchemaBehind(f"waited {timeout_s:g} s: {problem}")
        time.sleep(POLL_S)


def _problem(address: str, deadline: float) -> str | None:
    try:
        with Connection.connect(address, autocommit=True, connect_timeout=CONNECT_TIMEOUT_S) as connection:
            connection.deadline = deadline
            missing = missing_migrations(connection)
    except psycopg.Error as error:
        return error.diag.message_primary or str(error).partition("\n")[0]
    return f"the schema is behind ({', '.join(missing)} missing)" if missing else None
