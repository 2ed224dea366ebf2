"""The number of connections to PostgreSQL that all workers of a service keep together.

Each worker has a pool of its own, so the number grows with the workers. A PostgreSQL whose connections are all taken
refuses the next one, and that may be another service's.
"""

from __future__ import annotations

from dataclasses import dataclass

from shared.runtime.settings import variable_name
from shared.runtime.settings_groups import DatabaseSettings
from shared.runtime.start_refused import SettingsInvalid


@dataclass(frozen=True)
class Connections:
    """The connections that a number of workers keep and may keep, and the names of the settings that decide it."""

    workers: int
    pool_size: int
    maximum: int
    workers_setting: str
    pool_size_setting: str
    maximum_setting: str

    def require_allowed(self) -> None:
        """Raise `SettingsInvalid` if there are more than the settings allow."""
        if self.workers * self.pool_size > self.maximum:
            advice = f"lower {self.workers_setting} or {self.pool_size_setting}, or raise {self.maximum_setting}"
            raise SettingsInvalid([f"{self}: {advice} if PostgreSQL has as many to give"])

    def __str__(self) -> str:
        return (
            f"connections to PostgreSQL: {self.workers} x {self.pool_size} = {self.workers * self.pool_size:,}"
            f" ({self.workers_setting} x {self.pool_size_setting}), at most {self.maximum:,} ({self.maximum_setting})"
        )


def connections_of(settings: object, workers: int) -> Connections | None:
    """Return the connections of a service with these settings; None if it has no `DatabaseSettings` as `database`."""
    database = getattr(settings, "database", None)
    if not isinstance(database, DatabaseSettings):
        return None
    paths = ("server.workers", "database.pool_size", "database.connections_max")
    names = (variable_name(type(settings), path) for path in paths)
    return Connections(workers, database.pool_size, database.connections_max, *names)
