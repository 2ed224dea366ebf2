"""The migration files, and which of them a database lacks.

Services need only this part. Applying migrations is in `shared.postgres.schema`, whose library takes a twentieth of the
time that a service takes to start.
"""

from __future__ import annotations

from pathlib import Path

from shared.postgres.connection import Connection
from shared.postgres.statements import statement

MIGRATIONS = Path(__file__).parents[2] / "migrations"

_APPLIED = statement("applied_migrations")
_HAS_MIGRATIONS = statement("has_migrations")


def migration_files() -> list[Path]:
    """Return the migrations in the order in which they are applied, without their rollbacks."""
    return sorted(path for path in MIGRATIONS.glob("*.sql") if not path.stem.endswith(".rollback"))


def missing_migrations(connection: Connection) -> list[str]:
    """Return the migrations that this version of the code needs and the database does not have."""
    needed = [path.stem for path in migration_files()]
    if not _HAS_MIGRATIONS.value(connection):
        return needed
    applied = {name for (name,) in _APPLIED.rows(connection)}
    return [name for name in needed if name not in applied]
