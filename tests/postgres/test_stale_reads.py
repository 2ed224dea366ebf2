"""Reads that may be a minute old come from a standby while it keeps up, and from the primary otherwise."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from devstack.postgres import EmbeddedPostgres
from shared.postgres import stale_reads
from shared.postgres.connection import Connection
from shared.postgres.stale_reads import StaleReads
from shared.postgres.statements import statement
from tests.support.databases import opened, soon
from tests.support.standby import Link, execute, promote, standby_of
from tests.support.waiting import wait_until

POSITION = statement("log_position")


def in_recovery(connection: Connection) -> bool:
    """Return whether the server that is read is a standby."""
    return bool(POSITION.value(connection))


def reads_standby(reads: StaleReads) -> bool:
    """Return whether a read reaches the standby."""
    return reads.autocommit(in_recovery, soon())


@contextmanager
def reading(primary_url: str, standby_url: str) -> Iterator[StaleReads]:
    """Open a primary and a standby of it."""
    with opened(primary_url, pool_size=1) as primary, opened(standby_url, pool_size=1) as standby:
        yield StaleReads(primary, standby)


def test_without_a_standby_the_primary_is_read(database_url: str) -> None:
    with opened(database_url, pool_size=1) as primary:
        reads = StaleReads(primary)
        assert reads.probe() is None
        assert not reads_standby(reads)


def test_a_standby_is_read_while_it_keeps_up(
    migrated_postgres: EmbeddedPostgres, server_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (
        standby_of(migrated_postgres, server_folder / "standby", "standby") as standby,
        reading(migrated_postgres.url, standby.url) as reads,
    ):
        assert not reads_standby(reads), "it was not asked yet"
        wait_until(lambda: reads.probe() is None)
        assert reads_standby(reads)

        link = Link(migrated_postgres, standby)
        link.cut()
        execute(migrated_postgres, "CREATE TABLE behind ()")
        assert reads.probe() is None, "a moment behind is not too far"
        assert reads_standby(reads)
        monkeypatch.setattr(stale_reads, "LAG_MAX_S", 0.0)
        assert reads.probe() == "the standby is behind"
        assert reads.lag_s > 0
        assert not reads_standby(reads)
        monkeypatch.undo()
        link.mend()
        wait_until(lambda: reads.probe() is None)

        standby.kill()
        assert not reads_standby(reads), "the read that met the dead standby is done by the primary"
        assert reads.probe() is not None


def test_a_promoted_standby_is_not_read(migrated_postgres: EmbeddedPostgres, server_folder: Path) -> None:
    with (
        standby_of(migrated_postgres, server_folder / "standby", "standby") as standby,
        reading(migrated_postgres.url, standby.url) as reads,
    ):
        wait_until(lambda: reads.probe() is None)
        promote(standby)
        assert reads.probe() == "the server of DATABASE_STANDBY_URL is no standby"
        assert not reads_standby(reads)


def test_a_standby_of_another_database_is_not_read(
    migrated_postgres: EmbeddedPostgres, server_folder: Path, database_url: str
) -> None:
    with (
        standby_of(migrated_postgres, server_folder / "standby", "standby") as standby,
        reading(database_url, standby.url) as reads,
    ):
        assert reads.probe() in (
            "the server of DATABASE_STANDBY_URL is a standby of another database",
            "the standby is behind",
        )
        assert not reads_standby(reads)
