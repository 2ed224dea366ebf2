"""Functions that run with their owner's rights are for those who were given them, and for nothing else."""

from __future__ import annotations

import psycopg
import pytest

from shared.postgres.connection import Connection
from tests.support.services import rows


def test_public_may_execute_no_function_with_the_owners_rights(database_url: str) -> None:
    open_to_all = rows(
        database_url,
        "SELECT proname FROM pg_proc"
        " CROSS JOIN LATERAL aclexplode(coalesce(proacl, acldefault('f', proowner))) AS granted"
        " WHERE prosecdef AND granted.grantee = 0 AND pronamespace = current_schema()::regnamespace",
    )
    assert open_to_all == []


def test_the_trigger_of_completions_serves_no_other_table(connection: Connection) -> None:
    connection.execute("CREATE TEMP TABLE bait (user_id text, goal_id text, period_start timestamptz, occurrence int)")
    connection.execute(
        "CREATE TRIGGER bait AFTER INSERT ON bait REFERENCING NEW TABLE AS stored"
        " FOR EACH STATEMENT EXECUTE FUNCTION restore_claims()"
    )
    with pytest.raises(psycopg.errors.RaiseException, match="belongs to the table completion"):
        connection.execute("INSERT INTO bait VALUES ('player', 'goal', 'epoch', 1)")
