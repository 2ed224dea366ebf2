"""The time zone data that all processes on a database must have, because periods are computed with it."""

from __future__ import annotations

from shared.domain.time_zones import TIME_ZONES_VERSION
from shared.postgres.connection import Connection
from shared.postgres.statements import statement

_READ = statement("read_time_zone_version")
_RECORD = statement("record_time_zone_version")


def time_zone_problem(connection: Connection) -> str | None:
    """Return why this process must not compute periods; None if it may."""
    rows = _READ.rows(connection)
    recorded = rows[0][0] if rows else "none"
    if recorded == TIME_ZONES_VERSION:
        return None
    return (
        f"the time zone data of this process is {TIME_ZONES_VERSION}, that of the database is {recorded}: "
        "run the release that migrated last, or `make migrate` of this one"
    )


def record_time_zones(connection: Connection) -> None:
    """Record that periods are computed with the time zone data of this process."""
    _RECORD.rows(connection, TIME_ZONES_VERSION)
