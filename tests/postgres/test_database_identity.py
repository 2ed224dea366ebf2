"""The key and the timeline of a database, on real servers."""

from __future__ import annotations

from devstack.postgres import EmbeddedPostgres
from shared.postgres import database_identity
from tests.support.databases import connected, opened, soon


def test_a_promoted_replica_keeps_the_key_and_has_another_timeline(migrated_postgres: EmbeddedPostgres) -> None:
    with opened(migrated_postgres.url, pool_size=1) as database:
        before = database.autocommit(database_identity.read, soon())
    migrated_postgres.stop()
    (migrated_postgres.data / "standby.signal").touch()
    migrated_postgres.start()
    with connected(migrated_postgres.url) as connection:
        replica = database_identity.read(connection)
        assert (replica.key, replica.timeline) == (before.key, ""), "a replica knows no timeline of its own"
        connection.execute("SELECT pg_promote()")
        promoted = database_identity.read(connection)
    assert promoted.key == before.key
    assert (before.timeline, promoted.timeline) == ("00000001", "00000002")


def test_either_version_has_a_key_and_a_timeline(either_database_url: str) -> None:
    with connected(either_database_url) as connection:
        known = database_identity.read(connection)
        assert len(known.key) == 16
        assert len(known.timeline) == 8
        # A role without any privilege of an administrator reads the same.
        connection.execute("CREATE ROLE identity_reader")
        try:
            connection.execute("GRANT SELECT ON database_identity, redis_prefix TO identity_reader")
            connection.execute("SET ROLE identity_reader")
            assert database_identity.read(connection) == known
        finally:
            connection.execute("RESET ROLE")
            connection.execute("DROP OWNED BY identity_reader")
            connection.execute("DROP ROLE identity_reader")
