"""Rules for the schema and for SQL without which it would fail where tables are distributed. They need no cluster."""

from __future__ import annotations

import re

import pytest

from shared.postgres.distribution.earlier_migrations import FIRST_ON_CLUSTERS
from shared.postgres.distribution.placement import LOCAL, tables
from shared.postgres.distribution.written_places import ANYWHERE, DISTRIBUTED, WRITING_FUNCTIONS, Written, written_by
from shared.postgres.migrations import MIGRATIONS, migration_files
from shared.postgres.statements import Statement, statements
from tests.support.databases import connected

WARMING = {"players_seen"}
"""Statements of `admin optimize`, which warms the buffers of one server."""


def texts() -> dict[str, str]:
    """Return the statements by name, without comments."""
    return {name: without_comments(statement) for name, statement in statements().items()}


def without_comments(statement: Statement) -> str:
    return re.sub(r"--.*", "", statement.text.decode())


def test_every_table_with_players_is_distributed_or_local_for_a_reason(database_url: str) -> None:
    with connected(database_url) as connection:
        found = tables(connection)
    of_players = {name for name, has_user_id in found.items() if has_user_id}
    assert of_players == {*DISTRIBUTED, *LOCAL}, "list it in shared/postgres/distribution/placement.py"


def test_every_key_of_a_distributed_table_has_the_player(database_url: str) -> None:
    # Citus enforces uniqueness within a shard only, so it refuses other unique indexes and foreign keys.
    with connected(database_url) as connection:
        rows = connection.execute(
            "SELECT indrelid::regclass::text, pg_get_indexdef(indexrelid) FROM pg_index"
            " WHERE indisunique AND indrelid = ANY ($1::text[]::regclass[])",
            [list(DISTRIBUTED)],
        ).fetchall()
        foreign = connection.execute("SELECT conname FROM pg_constraint WHERE contype = 'f'").fetchall()
    assert {table for table, _ in rows} == set(DISTRIBUTED)
    for _, definition in rows:
        assert "user_id" in definition
    assert foreign == []


@pytest.mark.parametrize("name", sorted(texts()))
def test_no_statement_uses_what_the_planner_of_the_cluster_refuses(name: str) -> None:
    text = texts()[name]
    if name in WARMING:
        return
    table = "|".join(DISTRIBUTED)
    on_players = re.search(rf"\b(FROM|JOIN|INTO|UPDATE|USING) ({table})\b", text)
    if on_players is None:
        return
    # The clock of a node decides nothing, and functions that are not IMMUTABLE are refused beside columns.
    assert not re.search(r"\b(now\(|clock_timestamp|current_timestamp|database_time\()", text)
    # A parameter has no type on a worker where it stands only behind ON CONFLICT or RETURNING of INSERT … SELECT.
    _, inserts, rest = text.partition("INSERT INTO")
    if inserts and "SELECT" in rest and "ON CONFLICT" in rest:
        assert not re.search(r"\$\d", rest.partition("ON CONFLICT")[2])
    # And so are subqueries of INSERT … VALUES, and casts of day sets to text behind RETURNING.
    if inserts and re.search(r"\)\s*VALUES\b", rest):
        assert "SELECT" not in rest
        assert "days::text" not in rest
    # Locks across players are refused.
    if "FOR UPDATE" in text:
        assert "user_id = $1" in text
    assert "SKIP LOCKED" not in text
    assert "ctid" not in text
    assert "MERGE INTO" not in text
    # A slice of an array column in an UPDATE ends the server's process.
    assert not re.search(r"\w\)?\[\d+:\d+\]", text)


def test_functions_that_write_are_known_to_write_anywhere(database_url: str) -> None:
    with connected(database_url) as connection:
        volatile = {
            name
            for (name,) in connection.execute(
                "SELECT proname FROM pg_proc WHERE pronamespace = current_schema()::regnamespace AND provolatile = 'v'"
            )
        }
    called = {name for text in texts().values() for name in re.findall(r"\b(\w+)\(", text)}
    assert volatile & called == set(WRITING_FUNCTIONS)


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("merge_tally", Written(on_nodes=True)),
        ("insert_completions", Written(on_nodes=True)),
        ("note_changed_players", Written(on_coordinator=True)),
        ("lock_unclaimed", Written()),
        ("read_histories", Written()),
        ("erase_player", ANYWHERE),
    ],
)
def test_it_is_known_where_a_statement_writes(name: str, written: Written) -> None:
    assert written_by(statements()[name].text) == written


@pytest.mark.parametrize("name", [path.stem for path in migration_files() if path.stem >= FIRST_ON_CLUSTERS])
@pytest.mark.parametrize("back", [False, True], ids=["forward", "back"])
def test_newer_migrations_do_one_thing_at_a_time_to_distributed_tables(name: str, back: bool) -> None:
    text = (MIGRATIONS / (f"{name}.rollback.sql" if back else f"{name}.sql")).read_text(encoding="utf-8")
    table = "|".join(DISTRIBUTED)
    for statement in re.sub(r"--.*", "", text).split(";"):
        if re.match(rf"\s*ALTER TABLE (?:IF EXISTS )?({table})\b", statement):
            assert len(re.findall(r"\b(?:ADD|DROP|ALTER COLUMN|VALIDATE|SET|RESET)\b", statement)) <= 1, statement
        assert not re.match(rf"\s*CREATE (?:CONSTRAINT )?TRIGGER\b.*\bON ({table})\b", statement, re.DOTALL), statement
