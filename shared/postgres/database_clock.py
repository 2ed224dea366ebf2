"""The clock of the database."""

from __future__ import annotations

from shared.domain.instant import Instant
from shared.postgres.connection import Connection
from shared.postgres.statements import statement

_READ = statement("read_database_clock")


def read(connection: Connection) -> Instant:
    """Return the present by the clock of the database."""
    return int(_READ.value(connection))
