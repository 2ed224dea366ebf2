"""Functions that run with their owner's rights are for those who were given them, and for nothing else."""

from __future__ import annotations

import psycopg
import pytest

from shared.postgres import schema
from shared.postgres.migrations import migration_files
from tests.support.databases import connected
from tests.support.services import rows

OPEN_TO_ALL = (
    "SELECT proname FROM pg_proc"
    " CROSS JOIN LATERAL aclexplode(coalesce(proacl, acldefault('f', proowner))) AS granted"
    " WHERE prosecdef AND granted.grantee = 0 AND pronamespace = current_schema()::regnamespace"
)


def insert_elsewhere(url: str) -> None:
    """Put the trigger of completions on another table, and insert there."""
    with connected(url) as connection:
        connection.execute(
            "CREATE TEMP TABLE bait (user_id text, goal_id text, period_start timestamptz, occurrence int)"
        )
        connection.execute(
            "CREATE TRIGGER bait AFTER INSERT ON bait REFERENCING NEW TABLE AS stored"
            " FOR EACH STATEMENT EXECUTE FUNCTION restore_claims()"
        )
        connection.execute("INSERT INTO bait (user_id) VALUES ('player')")


def test_public_may_execute_no_function_with_the_owners_rights(database_url: str) -> None:
    assert rows(database_url, OPEN_TO_ALL) == []
    with pytest.raises(psycopg.errors.RaiseException, match="belongs to the table completion"):
        insert_elsewhere(database_url)


def test_that_holds_after_migrations_were_rolled_back_too(database_url: str) -> None:
    newer = [path for path in migration_files() if path.stem >= "0030"]
    schema.roll_back(database_url, len(newer))
    assert rows(database_url, OPEN_TO_ALL) == []
    with pytest.raises(psycopg.errors.RaiseException, match="belongs to the table completion"):
        insert_elsewhere(database_url)
