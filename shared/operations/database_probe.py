"""Whether the database can be used: it answers, it accepts writes, it has room, and its schema is not behind."""

from __future__ import annotations

import time

from shared.domain.errors import ChallengeError, DatabaseUnavailable
from shared.postgres import schema
from shared.postgres.connection import Connection
from shared.postgres.database import Database
from shared.postgres.events import ledger

PROBE_DEADLINE_S = 2.0
"""A database that takes longer is as good as away."""


def probe_database(database: Database) -> str | None:
    """Why players cannot be served; None if they can."""
    deadline = time.monotonic() + PROBE_DEADLINE_S
    try:
        return database.autocommit(_unfit, deadline) or _refusing(database, deadline)
    except ChallengeError as error:
        return str(error)


def _unfit(connection: Connection) -> str | None:
    if schema.is_read_only(connection):
        return "the database is read-only"
    missing = schema.missing(connection)
    if missing:
        return f"the schema is behind ({', '.join(missing)} missing): run `make migrate`"
    return None


def _refusing(database: Database, deadline: float) -> str | None:
    """Once it has refused to do something, as with a full disk: whether it still does, which a read would not tell."""
    if not database.refused:
        return None
    try:
        database.rehearse(ledger.write_a_page, deadline)
    except DatabaseUnavailable:
        return "the database does not write: it is full, or out of other resources"
    database.refused = False
    return None
