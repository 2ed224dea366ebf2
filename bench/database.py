"""An own Postgres for the report, and databases in it that begin alike."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from devstack.postgres import EmbeddedPostgres
from shared.postgres.connection import Connection, connect_arguments
from shared.postgres.database import Database
from shared.postgres.schema import migrate

_CONNECT_TIMEOUT_S = 5


@contextmanager
def connected(url: str) -> Iterator[Connection]:
    """A connection as the services have it."""
    with Connection.connect(url, **connect_arguments(_CONNECT_TIMEOUT_S, "bench")) as connection:
        yield connection


@contextmanager
def opened(url: str) -> Iterator[Database]:
    """The services' pool, with a connection."""
    database = Database(url, pool_size=1, application_name="bench")
    database.open()
    try:
        yield database
    finally:
        database.close()


class Databases:
    """A server with its own defaults: `fsync` is on, and nothing is tuned."""

    def __init__(self, directory: Path) -> None:
        self._server = EmbeddedPostgres(directory)
        self._made = 0

    @property
    def pid(self) -> int:
        """The server's process, the parent of all its others."""
        pid = self._server.pid
        if pid is None:
            raise RuntimeError("the server is not started")
        return pid

    @property
    def version(self) -> str:
        """PostgreSQL's version."""
        with connected(self._server.url) as connection:
            return str(connection.execute("SHOW server_version").fetchall()[0][0])

    @property
    def data(self) -> Path:
        """Where the data lies."""
        return self._server.data

    def start(self) -> None:
        """Start the server."""
        self._server.start()

    def remove(self) -> None:
        """Stop the server, and delete its data."""
        self._server.remove()

    def migrated(self) -> str:
        """The URL of a new database with all migrations."""
        url = self._make("TEMPLATE template0")
        migrate(url)
        return url

    @contextmanager
    def copy_of(self, url: str) -> Iterator[str]:
        """A new database with the same content as one that nobody is connected to; dropped at the end."""
        # Copied file by file, which ends with a checkpoint: every measurement begins with a clean log.
        copy = self._make(f"TEMPLATE {_name(url)} STRATEGY file_copy")
        try:
            yield copy
        finally:
            self._administer(f"DROP DATABASE {_name(copy)} WITH (FORCE)")

    def _make(self, options: str) -> str:
        self._made += 1
        name = f"bench_{self._made}"
        self._administer(f"CREATE DATABASE {name} {options}")
        return urlunsplit(urlsplit(self._server.url)._replace(path=f"/{name}"))

    def _administer(self, statement: str) -> None:
        with connected(self._server.url) as connection:
            # A copy may take longer than any statement of a service.
            connection.execute("SET statement_timeout = 0")
            connection.execute(statement.encode())


def _name(url: str) -> str:
    return urlsplit(url).path.removeprefix("/")
