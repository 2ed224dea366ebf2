"""Migrations of later releases, forward and back, on a database whose tables are distributed."""

from __future__ import annotations

import pytest

from shared.operations.database_probe import probe_database
from shared.postgres import schema
from shared.postgres.distribution.distribute import distribute, gather
from shared.postgres.distribution.earlier_migrations import FIRST_ON_CLUSTERS
from shared.postgres.migrations import migration_files
from shared.postgres.schema import MigrationRefused
from tests.support.citus import SHARDS
from tests.support.databases import connected, opened
from tests.support.services import ACTING


def test_newer_migrations_go_back_and_forward(citus_url: str) -> None:
    newer = [path.stem for path in migration_files() if path.stem >= FIRST_ON_CLUSTERS]
    assert sorted(schema.roll_back(citus_url, len(newer))) == newer
    assert schema.migrate(citus_url) == newer
    # A table of a later release is on the coordinator until it is distributed, too.
    with connected(citus_url) as connection:
        distribute(connection, SHARDS, ACTING)
    with opened(citus_url, pool_size=1) as database:
        assert probe_database(database) is None


def test_earlier_migrations_go_back_once_the_tables_are_on_the_coordinator(citus_url: str) -> None:
    every = [path.stem for path in migration_files()]
    newest = len([name for name in every if name >= FIRST_ON_CLUSTERS])
    with pytest.raises(MigrationRefused, match="first, by `admin distribute --back`"):
        schema.roll_back(citus_url, newest + 1)
    with opened(citus_url, pool_size=1) as database:
        assert probe_database(database) is None, "nothing was taken back"
    with connected(citus_url) as connection:
        gather(connection, ACTING)
    assert sorted(schema.roll_back(citus_url, len(every))) == every
    assert schema.migrate(citus_url) == every
    with connected(citus_url) as connection:
        distribute(connection, SHARDS, ACTING)
    with opened(citus_url, pool_size=1) as database:
        assert probe_database(database) is None
