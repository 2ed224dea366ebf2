"""Whether the database can be used: it answers, it accepts writes, and its schema is not behind."""

from __future__ import annotations

import time

from shared.domain.errors import ChallengeError
from shared.postgres import schema
from shared.postgres.connection import Connection
from shared.postgres.database import Database

PROBE_DEADLINE_S = 2.0
"""A database that takes longer is as good as away."""


def probe_database(database: Database) -> str | None:
    """Why players cannot be served; None if they can."""
    try:
        return database.autocommit(_unfit, time.monotonic() + PROBE_DEADLINE_S)
    except ChallengeError as error:
        return str(error)


def _unfit(connection: Connection) -> str | None:
    if schema.is_read_only(connection):
        return "the database is read-only"
    missing = schema.missing(connection)
    if missing:
        return f"the schema is behind ({', '.join(missing)} missing): run `make migrate`"
    return None
