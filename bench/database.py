"""The report's own Postgres, databases in it with identical content, and the report's own SQL."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from devstack.postgres import EmbeddedPostgres
from shared.postgres.connection import Connection
from shared.postgres.database import Database
from shared.postgres.schema import migrate
from shared.postgres.session_options import connect_arguments
from shared.postgres.statements import Statement

_CONNECT_TIMEOUT_S = 5


@contextmanager
def connected(url: str) -> Iterator[Connection]:
    """Yield a connection set up like the services' connections."""
    with Connection.connect(url, **connect_arguments(url, _CONNECT_TIMEOUT_S, "bench")) as connection:
        yield connection


@contextmanager
def opened(url: str, pool_size: int = 1) -> Iterator[Database]:
    """Yield the services' pool with a few connections."""
    database = Database(url, pool_size=pool_size, application_name="bench")
    database.open()
    try:
        yield database
    finally:
        database.close()


class Databases:
    """A server at its defaults: `fsync` is on, and nothing is tuned."""

    def __init__(self, directory: Path) -> None:
        self.server = EmbeddedPostgres(directory)
        self._made = 0

    @property
    def pid(self) -> int:
        """The process id of the postmaster, the parent of all other server processes."""
        assert self.server.pid is not None  # noqa: S101 - it is started before it is used
        return self.server.pid

    @property
    def version(self) -> str:
        """PostgreSQL's version."""
        with connected(self.server.url) as connection:
            return str(connection.execute("SHOW server_version").fetchall()[0][0])

    def migrated(self) -> str:
        """Return the URL of a new database with all migrations."""
        url = self._make("TEMPLATE template0")
        migrate(url)
        return url

    @contextmanager
    def copy_of(self, url: str) -> Iterator[str]:
        """Yield the URL of a copy of a database without connections; it is dropped at the end."""
        # A copy file by file ends with a checkpoint, so every measurement begins with an empty write-ahead log.
        copy = self._make(f"TEMPLATE {_name(url)} STRATEGY file_copy")
        try:
            yield copy
        finally:
            self._administer(f"DROP DATABASE {_name(copy)} WITH (FORCE)")

    def _make(self, options: str) -> str:
        self._made += 1
        name = f"bench_{self._made}"
        self._administer(f"CREATE DATABASE {name} {options}")
        return urlunsplit(urlsplit(self.server.url)._replace(path=f"/{name}"))

    def _administer(self, statement: str) -> None:
        with connected(self.server.url) as connection:
            # A copy may take longer than any statement of a service.
            connection.execute("SET statement_timeout = 0")
            connection.execute(statement.encode())


def _name(url: str) -> str:
    return urlsplit(url).path.removeprefix("/")


_FOLDER = Path(__file__).with_name("sql")


def text(name: str) -> str:
    """Return the text of `sql/NAME.sql`."""
    return (_FOLDER / f"{name}.sql").read_text(encoding="utf-8").strip().rstrip(";")


def statement(name: str) -> Statement:
    """Return the statement in `sql/NAME.sql`, which is prepared at its first use on a connection."""
    return Statement(name, text(name))
