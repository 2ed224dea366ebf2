"""A Citus cluster for tests, with quickly created databases."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Self
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql

from shared.domain.operator_acts import Acting
from shared.postgres.distribution.distribute import distribute
from shared.postgres.schema import migrate
from tests.support.databases import connected
from tests.support.waiting import wait_until

SETTING = "TEST_CITUS_URL"
"""Variable with the address of a database on the coordinator that has the extension and its worker nodes; the role may
create databases on all nodes."""

SHARDS = 4

_ROLES_LOCK = 0x63697475

_END_SESSIONS = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s"


def citus_address() -> str | None:
    """Return the address of the cluster, or None if there is none."""
    return os.environ.get(SETTING) or None


class CitusServer:
    """A cluster with a distributed template database, from which each test's own database is copied on every node."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._session = f"test_{secrets.token_hex(4)}"
        self._made = 0
        self._template: str | None = None
        self._coordinator = psycopg.connect(url, autocommit=True)
        self.workers: list[str] = [
            self._url_of_node(host, port)
            for host, port in self._coordinator.execute(
                "SELECT nodename, nodeport FROM pg_dist_node WHERE groupid > 0 ORDER BY nodeport"
            )
        ]
        self._nodes = [self._coordinator, *(psycopg.connect(worker, autocommit=True) for worker in self.workers)]

    def _url_of_node(self, host: str, port: int) -> str:
        parts = urlsplit(self.url)
        user = parts.netloc.rpartition("@")[0]
        return urlunsplit(parts._replace(netloc=f"{user}@{host}:{port}"))

    def named(self, name: str, url: str | None = None) -> str:
        """Return the address of a database on the coordinator, or on the node with this address."""
        return urlunsplit(urlsplit(url or self.url)._replace(path=f"/{name}"))

    @contextmanager
    def fresh_database(self, template: str | None = None) -> Iterator[str]:
        """Create a distributed database and yield its address on the coordinator; drop it at the end."""
        if template is None:
            template = self._template = self._template or self._distributed(f"{self._session}_template")
        self._made += 1
        name = f"{self._session}_{self._made}"
        self._execute("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy", name, template)
        try:
            yield self.named(name)
        finally:
            self._drop(name)

    @contextmanager
    def migrated_database(self, *, before_extension: bool = False) -> Iterator[str]:
        """Create a database that can be distributed, and yield its address; drop it at the end.

        With `before_extension` it was migrated before it had the extension.
        """
        self._made += 1
        name = f"{self._session}_{self._made}"
        self._create(name, before_extension=before_extension)
        try:
            yield self.named(name)
        finally:
            self._drop(name)

    def _create(self, name: str, *, before_extension: bool = False) -> None:
        self._execute("CREATE DATABASE {}", name)
        if before_extension:
            migrate(self.named(name))
        for url in (self.url, *self.workers):
            with psycopg.connect(self.named(name, url), autocommit=True) as node:
                node.execute("CREATE EXTENSION citus")
        with self.alone(), psycopg.connect(self.named(name), autocommit=True) as coordinator:
            here = urlsplit(self.url)
            coordinator.execute("SELECT citus_set_coordinator_host(%s, %s)", [here.hostname, here.port])
            for worker in map(urlsplit, self.workers):
                coordinator.execute("SELECT citus_add_node(%s, %s)", [worker.hostname, worker.port])
        if not before_extension:
            migrate(self.named(name))

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Let no other process change roles inside: a node that is added gets them, which fails beside others."""
        self._coordinator.execute("SELECT pg_advisory_lock(%s)", [_ROLES_LOCK])
        try:
            yield
        finally:
            self._coordinator.execute("SELECT pg_advisory_unlock(%s)", [_ROLES_LOCK])

    def _distributed(self, name: str) -> str:
        self._create(name)
        with connected(self.named(name)) as coordinator:
            distribute(coordinator, SHARDS, Acting(0, "tests"))
            # A database is as empty as one that is not distributed.
            coordinator.execute("TRUNCATE operator_audit RESTART IDENTITY")
        # The daemon of Citus opens databases again that it may.
        self._execute("ALTER DATABASE {} ALLOW_CONNECTIONS false", name)
        for node in self._nodes:
            wait_until(partial(_has_no_sessions, node, name))
        return name

    def _drop(self, name: str) -> None:
        for node in self._nodes:
            self._on(node, "ALTER DATABASE {} ALLOW_CONNECTIONS false", name)
            wait_until(partial(self._is_dropped, node, name))

    def _is_dropped(self, node: psycopg.Connection, name: str) -> bool:
        try:
            self._on(node, "DROP DATABASE {} WITH (FORCE)", name)
        except psycopg.errors.ObjectInUse:
            # The daemon of Citus was about to open it.
            return False
        return True

    def _execute(self, statement: str, *names: str) -> None:
        for node in self._nodes:
            self._on(node, statement, *names)

    def _on(self, node: psycopg.Connection, statement: str, *names: str) -> None:
        node.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._template is not None:
            self._drop(self._template)
        for node in self._nodes:
            node.close()


@contextmanager
def a_prepared_transaction(url: str) -> Iterator[psycopg.Connection]:
    """Yield a session of a node on which a transaction of the cluster is prepared; take it back at the end."""
    with psycopg.connect(url, autocommit=True) as node:
        node.execute("BEGIN; CREATE TABLE undecided (); PREPARE TRANSACTION 'citus_0_1_1_1'")
        try:
            yield node
        finally:
            node.execute("ROLLBACK PREPARED 'citus_0_1_1_1'")


def _has_no_sessions(node: psycopg.Connection, name: str) -> bool:
    return not node.execute(_END_SESSIONS, [name]).fetchall()
