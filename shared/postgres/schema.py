"""The schema: applying and rolling back migrations.

Migrations are plain SQL files, applied by yoyo. Services never migrate by themselves. They check with
`missing_migrations` and report NOT_SERVING while a migration is missing.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import psycopg
from yoyo import read_migrations
from yoyo.backends.base import DatabaseBackend
from yoyo.backends.core.postgresql import PostgresqlPsycopgBackend
from yoyo.connections import DatabaseURI
from yoyo.migrations import MigrationList, default_migration_table

from shared.domain.operator_acts import Acting, ActKind, OperatorAct
from shared.postgres.connection import Connection
from shared.postgres.distribution.earlier_migrations import problem_of_going_back
from shared.postgres.migrations import MIGRATIONS
from shared.postgres.operators import operator_audit
from shared.postgres.session_options import wanted_server
from shared.postgres.statements import statement
from shared.postgres.time_zone_data import record_time_zones
from shared.runtime.address_checks import resolve
from shared.runtime.clock import system_clock

ROLES = MIGRATIONS.parent / "deploy" / "roles.sql"

ADVISORY_LOCK = 0x6368616C
"""Key of the lock that every process takes before it migrates."""

LOCK_POLL_S = 0.1
"""Interval in seconds at which a process asks for the lock while another one has it."""

LOCK_ATTEMPTS_MAX = 30
LOCK_REST_S = 1.0
"""Rest in seconds before the next attempt to lock a table, in which waiting calls get their turn."""

BEHIND_POOLER = (
    "a connection pooler such as PgBouncer is in front of the database and shares locks and settings of sessions with "
    "others: set DATABASE_URL to the address of the server itself for this command"
)

LOCKED = (
    "another session holds a table that a migration changes, such as a dump or a transaction that was left open: run "
    "the command again when it has ended; migrations before that one stay done"
)

CROSSED = (
    "calls and a migration waited for each other's tables at every attempt: run the command again when there are fewer "
    "calls, or stop the services; migrations before that one stay done"
)

_TRY_LOCK = statement("try_lock_schema")
_RIGHTS = statement("schema_rights")


class _Script(NamedTuple):
    text: bytes


def make_roles(address: str, acting: Acting | None = None) -> None:
    """Make the roles of deploy/roles.sql, as a superuser. Raise `MigrationRefused` if that is not possible."""
    with (
        _refusals("make the roles as a superuser"),
        Connection.connect(address, **_arguments(address)) as connection,
    ):
        _require_direct_address(connection)
        script = _Script(ROLES.read_bytes())
        with _noted(connection, ActKind.ROLES, acting):
            connection.run_script(script.text)


def migrate(address: str, acting: Acting | None = None) -> list[str]:
    """Apply the missing migrations, record the time zone data of this release, and return the migrations' names.

    With `acting` the audit records it, as soon as the database has one.

    Raise `MigrationRefused` if it is not possible.
    """

    def pending(backend: DatabaseBackend) -> MigrationList:
        return backend.to_apply(read_migrations(str(MIGRATIONS)))

    return _change(address, pending, _apply, ActKind.MIGRATE, acting)


def roll_back(address: str, count: int, acting: Acting | None = None) -> list[str]:
    """Roll back the newest `count` migrations, and return their names. Their tables are dropped with all data.

    Raise `MigrationRefused` if it is not possible.
    """

    def applied(backend: DatabaseBackend) -> MigrationList:
        return backend.to_rollback(read_migrations(str(MIGRATIONS)))[:count]

    def undo(_: str, backend: DatabaseBackend, migrations: MigrationList) -> None:
        backend.rollback_migrations(migrations)

    return _change(address, applied, undo, ActKind.MIGRATE_BACK, acting, problem_of_going_back)


def _apply(address: str, backend: DatabaseBackend, migrations: MigrationList) -> None:
    backend.apply_migrations(migrations)
    with _refusals(), Connection.connect(address, **_arguments(address)) as connection:
        record_time_zones(connection)


def _change(
    address: str,
    choose: Callable[[DatabaseBackend], MigrationList],
    change: Callable[[str, DatabaseBackend, MigrationList], None],
    kind: ActKind,
    acting: Acting | None,
    problem_of: Callable[[Connection, Sequence[str]], str | None] = lambda *_: None,
) -> list[str]:
    """Apply or roll back the migrations that `choose` returns, and return their names.

    A duty or a dump may hold a table that a migration changes, or a call that waits for another table of it. Calls wait
    behind a waiting migration, so it waits for a short time, and again after a rest: each is done as a whole, or, after
    a bounded number of attempts, not at all.
    """
    with _migrating(address) as connection:
        with _backend(address) as backend:
            names = [migration.id for migration in choose(backend)]
        if (problem := problem_of(connection, names)) is not None:
            raise MigrationRefused(problem)
        # The audit has one intention and one outcome for all attempts.
        with _noted(connection, kind, acting if names else None, names):
            for attempts_left in reversed(range(LOCK_ATTEMPTS_MAX)):
                try:
                    with _refusals(), _backend(address) as backend:
                        # Those that an earlier attempt has done are no longer among them.
                        change(address, backend, choose(backend).filter(lambda migration: migration.id in names))
                    break
                except TableHeld:
                    if not attempts_left:
                        raise
                    time.sleep(LOCK_REST_S)
    return names


class MigrationRefused(Exception):
    """The schema cannot be changed; the message says what is missing."""


class TableHeld(MigrationRefused):
    """Another session holds a table that a migration changes."""


class _Backend(PostgresqlPsycopgBackend):  # type: ignore[misc]  # yoyo has no types
    """yoyo's backend with addresses that libpq reads, like everybody else. yoyo's own parser knows only simple URLs."""

    def connect(self, dburi: DatabaseURI) -> psycopg.Connection:
        connection = psycopg.connect(dburi.database, **_arguments(dburi.database))
        # While a migration waits for a table, the calls of services wait behind it. The time is shorter than the second
        # after which the server looks for deadlocks, so of two that wait for each other the migration gives way. Each
        # migration has a connection of its own: what one sets does not hold for the next.
        connection.execute("SET lock_timeout = '500ms'")
        return connection


@contextmanager
def _migrating(address: str) -> Iterator[Connection]:
    with _refusals(), Connection.connect(address, **_arguments(address)) as connection:
        _check_rights(connection)
        # An advisory lock ends with its connection. yoyo's own lock is a row that a killed run would leave behind.
        # Building an index concurrently waits for every statement that is being executed, so the wait is not one.
        while not _TRY_LOCK.value(connection, ADVISORY_LOCK):
            time.sleep(LOCK_POLL_S)
        yield connection


@contextmanager
def _backend(address: str) -> Iterator[DatabaseBackend]:
    uri = DatabaseURI("postgresql+psycopg", None, None, None, None, address, {})
    with _Backend(uri, default_migration_table) as backend:
        backend.init_database()
        yield backend


@contextmanager
def _noted(
    connection: Connection, kind: ActKind, acting: Acting | None, migrations: Sequence[str] = ()
) -> Iterator[None]:
    """Record in the audit what is done inside, if the database has an audit at that moment."""
    if acting is None:
        yield
        return

    def do(work: Callable[[Connection], int]) -> int:
        return work(connection) if operator_audit.exists(connection) else 0

    act = OperatorAct(kind, acting, details={"migrations": list(migrations)} if migrations else {})
    with operator_audit.noted(do, act, system_clock):
        yield


@contextmanager
def _refusals(remedy: str = "migrate as the role that owns the tables") -> Iterator[None]:
    try:
        yield
    except psycopg.errors.InsufficientPrivilege as error:
        raise MigrationRefused(f"{error.diag.message_primary}: {remedy} (docs/operations.md, Roles)") from error
    except psycopg.errors.LockNotAvailable as error:
        raise TableHeld(LOCKED) from error
    except psycopg.errors.DeadlockDetected as error:
        raise TableHeld(CROSSED) from error
    except psycopg.OperationalError as error:
        raise MigrationRefused(error.diag.message_primary or str(error).partition("\n")[0]) from error


def _arguments(address: str) -> dict[str, Any]:
    """Return the arguments of a connection without the limits of calls: a migration takes as long as it takes."""
    theirs = resolve(address)
    name = theirs["application_name"] or "admin migrate"
    return {"autocommit": True, "client_encoding": "UTF8", "application_name": name, **wanted_server(address, theirs)}


def is_behind_pooler(connection: Connection) -> bool:
    """Return whether a pooler hands the connection's statements to sessions of its own."""
    # Not prepared, because an old pooler mixes up prepared statements.
    (result,) = connection.run_script(b"SELECT pg_backend_pid()")
    return int(result.get_value(0, 0) or 0) != connection.info.backend_pid


def _require_direct_address(connection: Connection) -> None:
    if is_behind_pooler(connection):
        raise MigrationRefused(BEHIND_POOLER)


def _check_rights(connection: Connection) -> None:
    """Raise `MigrationRefused` if no table can be created, or if the lock could outlive this connection."""
    _require_direct_address(connection)
    role, search_path, schema, may_create = _RIGHTS.only_row(connection)
    if schema is None:
        raise MigrationRefused(
            f"no schema of the search path {search_path!r} exists: create one, or change search_path"
        )
    if not may_create:
        raise MigrationRefused(
            f"role {role!r} may not create tables in schema {schema!r}: migrate as the owner, or have it run "
            f"GRANT CREATE ON SCHEMA {schema} TO {role} (docs/operations.md, Roles)"
        )
