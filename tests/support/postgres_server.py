"""Servers and databases for tests: real ones, made quickly."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Self
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql

QUICK = {
    # A test's data need not outlive a crash of the machine. Commits stay synchronous: tests kill the server process,
    # and what was committed has to be there then.
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "on",
    # Several services with a pool each, and the test itself.
    "max_connections": "200",
    # The files may lie in memory.
    "max_wal_size": "256MB",
}
"""Settings for embedded PostgreSQL servers."""


class PostgresServer:
    """A server with a migrated template, from which each test gets a database of its own."""

    def __init__(self, url: str) -> None:
        """`url` names a database that exists, and a role that may create others."""
        self.url = url
        self._session = f"test_{secrets.token_hex(4)}"
        self._made = 0
        self._template: str | None = None
        self._connection = psycopg.connect(url, autocommit=True)

    @contextmanager
    def fresh_database(self) -> Iterator[str]:
        """The URL of a new database with all migrations applied; it is dropped at the end, whoever is connected."""
        if self._template is None:
            self._template = self._migrated(f"{self._session}_template")
        self._made += 1
        name = f"{self._session}_{self._made}"
        # 12 ms where the default, copying through the write-ahead log, takes 20.
        self._execute("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy", name, self._template)
        try:
            yield self._url_of(name)
        finally:
            self._drop(name)

    def _migrated(self, name: str) -> str:
        # Late, so that tests without a database do not need the library.
        from shared.postgres.schema import migrate

        self._execute("CREATE DATABASE {}", name)
        migrate(self._url_of(name))
        return name

    def _url_of(self, name: str) -> str:
        return urlunsplit(urlsplit(self.url)._replace(path=f"/{name}"))

    def _drop(self, name: str) -> None:
        self._execute("DROP DATABASE {} WITH (FORCE)", name)

    def _execute(self, statement: str, *names: str) -> None:
        self._connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._template is not None:
            self._drop(self._template)
        self._connection.close()
