"""Probe of the database: it responds, accepts writes, has free space, stores UTF-8, and its schema is up to date.

Where synchronous standbys are required, it has them.

It also records the time zone data that this process has.
"""

from __future__ import annotations

import time

from shared.domain.errors import ChallengeError, DatabaseUnavailable
from shared.postgres import database_clock
from shared.postgres.connection import Connection
from shared.postgres.database import Database
from shared.postgres.distribution.placement import placement_problem
from shared.postgres.events import ledger
from shared.postgres.migrations import missing_migrations
from shared.postgres.replication import replication_problem
from shared.postgres.rights import rights_problem
from shared.postgres.sessions import session_problem
from shared.postgres.time_zone_data import time_zone_problem
from shared.runtime.clocks import Clocks

PROBE_DEADLINE_S = 2.0
"""A database that takes longer counts as unavailable."""


def probe_database(database: Database, clocks: Clocks | None = None, *, by_service: bool = True) -> str | None:
    """Return why the database cannot be used; None if it can. Its clock is compared with the process's on the way.

    A service needs more rights than other processes.
    """
    deadline = time.monotonic() + PROBE_DEADLINE_S
    try:
        problem = database.autocommit(lambda connection: _problem(connection, by_service=by_service), deadline)
        if database.synchronous and problem is None:
            problem = database.unreplicated = database.autocommit(replication_problem, deadline)
        if clocks is not None and problem is None:
            database.autocommit(lambda connection: clocks.read(lambda: database_clock.read(connection)), deadline)
        return problem or _write_problem(database, deadline)
    except ChallengeError as error:
        return str(error) if database.problem is None else f"{error}: {database.problem}"


def _problem(connection: Connection, *, by_service: bool) -> str | None:
    problem = session_problem(connection) or (rights_problem(connection) if by_service else None)
    if problem is not None:
        return problem
    missing = missing_migrations(connection)
    if missing:
        return f"the schema is behind ({', '.join(missing)} missing): run `make migrate`"
    return placement_problem(connection) or time_zone_problem(connection)


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
