"""The rights that the probe asks for are those that the statements of services need: no less, and no more."""

from __future__ import annotations

import re
import secrets
from collections import defaultdict
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql

from shared.postgres.migrations import MIGRATIONS, migration_files
from shared.postgres.rights import FUNCTIONS, TABLES
from tests.postgres.test_roles import PASSWORD, work_as_a_service

FILES = [
    path
    for path in MIGRATIONS.parent.glob("shared/postgres/**/*.sql")
    if path.parent.name not in ("maintenance", "operators")
]
OPERATORS_FILES = {"grant_admin.sql", "adjustments.sql", "histories.sql"}
OPERATORS_FUNCTIONS = {
    "player_columns",
    "stage_import_rows",
    "store_import_rows",
    "player_tables",
    "player_rows",
    "player_ids",
    "player_traces",
    "erase_player",
    "import_player_rows",
}
OF_THE_RELEASE_BEFORE = {"refresh_leaderboard_ranking", "refresh_leaderboard_mark"}
OPERATORS_STATEMENTS = ("replace_redis_prefix", "renew_database_identity", "record_time_zone_version")
USES = {
    "INSERT": re.compile(r"\bINSERT INTO (\w+)"),
    "UPDATE": re.compile(r"(?<!FOR )(?<!DO )\bUPDATE (\w+)"),
    "DELETE": re.compile(r"\bDELETE FROM (\w+)"),
    "SELECT": re.compile(r"\b(?:FROM|JOIN) (\w+)"),
}
MADE = re.compile(r"^CREATE (?:TABLE|VIEW|MATERIALIZED VIEW) (\w+)", re.MULTILINE)
MADE_FUNCTION = re.compile(r"^CREATE FUNCTION (\w+)\([^)]*\)\s+RETURNS (?!trigger)", re.MULTILINE)


def statements_of_services() -> list[str]:
    """Return the statements that not only operators execute, without comments."""
    texts = [path.read_text(encoding="utf-8") for path in FILES if path.name not in OPERATORS_FILES]
    pieces = [piece for text in texts for piece in re.split(r"^-- name: ", text, flags=re.MULTILINE)]
    return [re.sub(r"--.*", "", piece) for piece in pieces if not piece.startswith(OPERATORS_STATEMENTS)]


def made(pattern: re.Pattern[str]) -> set[str]:
    """Return the names of what migrations make."""
    return {name for path in migration_files() for name in pattern.findall(path.read_text(encoding="utf-8"))}


def test_the_rights_are_those_that_statements_use() -> None:
    used: dict[str, set[str]] = defaultdict(set)
    for text in statements_of_services():
        for right, pattern in USES.items():
            for table in pattern.findall(text):
                used[table].add(right)
        for table in USES["INSERT"].findall(text):
            # Inserting returns, or looks for conflicts.
            used[table] |= {"SELECT", "UPDATE"} if "DO UPDATE" in text else {"SELECT"}
    # By the function `database_key`.
    used["database_identity"].add("SELECT")
    # By the functions that keep it.
    used["leaderboard_bucket"].add("UPDATE")
    tables = made(MADE) | {"_yoyo_migration"}
    expected = {table: rights for table, rights in used.items() if table in tables}
    assert {table: set(rights.split()) for table, rights in TABLES.items()} == expected


def test_the_functions_are_those_that_migrations_make() -> None:
    found = {function.partition("(")[0] for function in FUNCTIONS}
    assert found == made(MADE_FUNCTION) - OPERATORS_FUNCTIONS - OF_THE_RELEASE_BEFORE


def test_a_role_with_exactly_these_rights_does_what_services_do(database_url: str) -> None:
    role = sql.Identifier(f"least_{secrets.token_hex(4)}")
    with psycopg.connect(database_url, autocommit=True) as administrator:
        administrator.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(role, sql.Literal(PASSWORD)))
        try:
            for table, rights in TABLES.items():
                grant = f"GRANT {rights.replace(' ', ', ')} ON {table} TO {{}}"
                administrator.execute(sql.SQL(grant).format(role))
            for function in FUNCTIONS:
                administrator.execute(sql.SQL(f"GRANT EXECUTE ON FUNCTION {function} TO {{}}").format(role))
            parts = urlsplit(database_url)
            netloc = f"{role.as_string(None).strip(chr(34))}:{PASSWORD}@{parts.netloc.rpartition('@')[2]}"
            work_as_a_service(urlunsplit(parts._replace(netloc=netloc)))
        finally:
            administrator.execute(sql.SQL("DROP OWNED BY {}").format(role))
            administrator.execute(sql.SQL("DROP ROLE {}").format(role))
