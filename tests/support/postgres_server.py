"""A Postgres server for tests, with quickly created databases."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Self
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
from psycopg import sql

QUICK = {
    # A test's data need not survive a crash of the machine. Commits stay synchronous, because tests kill the server
    # process and expect committed data afterwards.
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "on",
    # Several services with one pool each, and the test itself.
    "max_connections": "200",
    # The files may be in memory.
    "max_wal_size": "256MB",
}
"""Settings for embedded PostgreSQL servers."""

EITHER_VERSION = ("postgres_server", pytest.param("postgres_16", marks=pytest.mark.slow))
"""Fixtures of servers of the newest and of the oldest supported version, whose tests are slow unless plans differ."""


class PostgresServer:
    """A server with a migrated template database, from which each test's own database is copied."""

    def __init__(self, url: str) -> None:
        """Connect to an existing database with a role that may create databases."""
        self.url = url
        self._session = f"test_{secrets.token_hex(4)}"
        self._made = 0
        self._template: str | None = None
        self._connection = psycopg.connect(url, autocommit=True)

    @contextmanager
    def fresh_database(self, template: str | None = None) -> Iterator[str]:
        """Create a database and yield its URL; drop it at the end, even if clients are connected.

        It is a copy of the database `template`, or a migrated one.
        """
        if template is None:
            template = self._template = self._template or self._migrated(f"{self._session}_template")
        self._made += 1
        name = f"{self._session}_{self._made}"
        # This takes 12 ms; the default strategy, copying through the write-ahead log, takes 20.
        self._execute("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy", name, template)
        try:
            yield self._url_of(name)
        finally:
            self._drop(name)

    def _migrated(self, name: str) -> str:
        # Imported here so that tests without a database do not need the library.
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
