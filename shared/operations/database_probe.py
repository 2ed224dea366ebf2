"""Probe of the database: it answers, accepts writes, has free space, stores UTF-8, and its schema is up to date."""

from __future__ import annotations

import time

from shared.domain.errors import ChallengeError, DatabaseUnavailable
from shared.postgres import schema
from shared.postgres.connection import Connection
from shared.postgres.database import Database
from shared.postgres.events import ledger
from shared.postgres.sessions import session_problem

PROBE_DEADLINE_S = 2.0
"""A database that takes longer counts as unavailable."""


def probe_database(database: Database) -> str | None:
    """Return why the database cannot be used; None if it can."""
    deadline = time.monotonic() + PROBE_DEADLINE_S
    try:
        return database.autocommit(_problem, deadline) or _write_problem(database, deadline)
    except ChallengeError as error:
        return str(error)


def _problem(connection: Connection) -> str | None:
    problem = session_problem(connection)
    if problem is not None:
        return problem
    missing = schema.missing(connection)
    if missing:
        return f"the schema is behind ({', '.join(missing)} missing): run `make migrate`"
    return None


def _write_problem(database: Database, deadline: float) -> str | None:
    """Return why the database does not write; None if it does, or has refused nothing.

    After a refusal, as with a full disk, a small write is tried and rolled back: a read would not show the problem.
    """
    if not database.refused:
        return None
    try:
        database.rehearse(ledger.write_a_page, deadline)
    except DatabaseUnavailable:
        return "the database does not write: it is full, or out of other resources"
    database.refused = False
    return None
