"""The tables that other sessions hold locks on."""

from __future__ import annotations

from tests.support.services import rows

LOCKED = """
SELECT DISTINCT relation::regclass::text
FROM pg_locks
JOIN pg_class AS class ON class.oid = relation
WHERE locktype = 'relation' AND pid <> pg_backend_pid() AND class.relnamespace = 'public'::regnamespace
  AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""


def locked_tables(url: str) -> set[str]:
    """Return the tables and indexes of the schema that some transaction has read or changed and that is still open."""
    return {name for (name,) in rows(url, LOCKED)}
