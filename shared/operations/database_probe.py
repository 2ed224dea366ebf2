"""Probe of the database: it responds, accepts writes, has free space, stores UTF-8, and its schema is up to date.

Where synchronous standbys are required, it has them.

It also records the time zone data that this process has.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from shared.domain.errors import ChallengeError, DatabaseUnavailable
from shared.domain.instant import Instant
from shared.postgres import database_clock
from shared.postgres.connection import Connection
from shared.postgres.database import Database
from shared.postgres.distribution.placement import placement_problem
from shared.postgres.events import ledger
from shared.postgres.migrations import missing_migrations
from shared.postgres.replication import replication_problem
from shared.postgres.rights import rights_problem
from shared.postgres.sessions import read_state_first, session_problem
from shared.postgres.time_zone_data import time_zone_problem
from shared.runtime.clocks import Clocks

PROBE_DEADLINE_S = 2.0
"""A database that takes longer counts as unavailable."""


SCHEMA_INTERVAL_S = 15.0
"""Interval at which a database is asked again for its schema and rights: they rarely change, and each probe of each
worker would cost four transactions more."""


class SchemaChecks:
    """When a process last found schema, rights and time zones right."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._right_until = 0.0

    @property
    def are_due(self) -> bool:
        """True unless all was right a moment ago."""
        return self._monotonic() >= self._right_until

    def note(self, *, right: bool) -> None:
        """Note the outcome of the checks."""
        self._right_until = self._monotonic() + SCHEMA_INTERVAL_S if right else 0.0


def probe_database(
    database: Database,
    clocks: Clocks | None = None,
    *,
    by_service: bool = True,
    checks: SchemaChecks | None = None,
) -> str | None:
    """Return why the database cannot be used; None if it can. Its clock is compared with the process's on the way.

    A service needs more rights than other processes. With `checks`, schema and rights are checked from time to time.
    """
    deadline = time.monotonic() + PROBE_DEADLINE_S
    checks = checks or SchemaChecks()
    try:
        problem = None
        if checks.are_due:
            problem = database.autocommit(lambda connection: _problem(connection, by_service=by_service), deadline)
            checks.note(right=problem is None)
        if database.synchronous and problem is None:
            problem = database.unreplicated = database.autocommit(replication_problem, deadline)
        if clocks is not None and problem is None:
            problem = database.autocommit(lambda connection: _compare_clocks(connection, clocks), deadline)
            if problem is not None:
                checks.note(right=False)
        return problem or _write_problem(database, deadline)
    except ChallengeError as error:
        return str(error) if database.problem is None else f"{error}: {database.problem}"


class _SessionProblem(Exception):
    """The clock of the session is not to be used."""


def _compare_clocks(connection: Connection, clocks: Clocks) -> str | None:
    """Compare the clocks, in the round trip that reads the state of the session; return what is wrong with that."""

    def read() -> Instant:
        state = read_state_first(connection)
        present = database_clock.read(connection)
        problem = session_problem(connection, state)
        if problem is not None:
            raise _SessionProblem(problem)
        return present

    try:
        clocks.read(read)
    except _SessionProblem as problem:
        return str(problem)
    return None


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
