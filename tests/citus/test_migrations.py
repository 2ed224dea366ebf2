"""Migrations of later releases, forward and back, on a database whose tables are distributed."""

from __future__ import annotations

from shared.operations.database_probe import probe_database
from shared.postgres import schema
from shared.postgres.distribution.distribute import distribute
from shared.postgres.migrations import migration_files
from tests.citus.test_rules import FIRST_HELD
from tests.support.citus import SHARDS
from tests.support.databases import connected, opened
from tests.support.services import ACTING


def test_newer_migrations_go_back_and_forward(citus_url: str) -> None:
    newer = [path.stem for path in migration_files() if path.stem >= FIRST_HELD]
    assert sorted(schema.roll_back(citus_url, len(newer))) == newer
    assert schema.migrate(citus_url) == newer
    # A table of a later release is on the coordinator until it is distributed, too.
    with connected(citus_url) as connection:
        distribute(connection, SHARDS, ACTING)
    with opened(citus_url, pool_size=1) as database:
        assert probe_database(database) is None
