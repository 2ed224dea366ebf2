"""The schema: applying, rolling back and checking migrations.

Migrations are plain SQL files, applied by yoyo. Services never migrate by themselves. They check with `missing` and
report NOT_SERVING while a migration is missing.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
from yoyo import get_backend, read_migrations
from yoyo.backends.base import DatabaseBackend

from shared.postgres.connection import Connection
from shared.postgres.statements import statement

MIGRATIONS = Path(__file__).parents[2] / "migrations"

ADVISORY_LOCK = 0x6368616C
"""Key of the lock that every process takes before it migrates."""

_APPLIED = statement("applied_migrations")
_HAS_MIGRATIONS = statement("has_migrations")
_IS_READ_ONLY = statement("is_read_only")


def migration_files() -> list[Path]:
    """Return the migrations in the order in which they are applied, without their rollbacks."""
    return sorted(path for path in MIGRATIONS.glob("*.sql") if not path.stem.endswith(".rollback"))


def migrate(url: str) -> list[str]:
    """Apply the missing migrations, and return their names."""
    with _backend(url) as backend:
        pending = backend.to_apply(read_migrations(str(MIGRATIONS)))
        backend.apply_migrations(pending)
        return [migration.id for migration in pending]


def roll_back(url: str, count: int) -> list[str]:
    """Roll back the newest `count` migrations, and return their names. Their tables are dropped with all data."""
    with _backend(url) as backend:
        applied = backend.to_rollback(read_migrations(str(MIGRATIONS)))
        newest = applied[:count]
        backend.rollback_migrations(newest)
        return [migration.id for migration in newest]


def missing(connection: Connection) -> list[str]:
    """Return the migrations that this version of the code needs and the database does not have."""
    needed = [path.stem for path in migration_files()]
    if not _HAS_MIGRATIONS.value(connection):
        return needed
    applied = {name for (name,) in _APPLIED.rows(connection)}
    return [name for name in needed if name not in applied]


def is_read_only(connection: Connection) -> bool:
    """Return whether the server refuses writes, as a replica does."""
    return bool(_IS_READ_ONLY.value(connection))


@contextmanager
def _backend(url: str) -> Iterator[DatabaseBackend]:
    # An advisory lock ends with its connection. yoyo's own lock is a row that a killed run would leave behind.
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SELECT pg_advisory_lock(%s)", [ADVISORY_LOCK])
        parts = urlsplit(url)
        backend = get_backend(urlunsplit(parts._replace(scheme="postgresql+psycopg")))
        try:
            yield backend
        finally:
            backend.connection.close()
