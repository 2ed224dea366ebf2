"""Migrations and calls that wait for each other: the migration gives way, and is repeated for a bounded time."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from shared.domain.errors import ChallengeError
from shared.domain.events import Event
from shared.domain.instant import DAY
from shared.domain.operator_acts import Acting
from shared.operations.goals.view_player import view_player
from shared.operations.rewards.claim_all import claim_all
from shared.postgres import schema
from shared.postgres.database import Database
from shared.postgres.migrations import migration_files
from tests.support.databases import connected, opened, soon
from tests.support.flushing import flush
from tests.support.goals import catalogue_of, goal
from tests.support.services import rows
from tests.support.strategies import FIRST_DAY, KILLS
from tests.support.unstalled_clock import unstalled_s
from tests.support.waiting import wait_until

NOW = FIRST_DAY * DAY
CATALOGUE = catalogue_of(*(goal(f"goal {target}", target=target) for target in range(1, 8)))
MADE = "CREATE TABLE early (id integer); CREATE TABLE late (id integer);"
UNDONE = "LOCK TABLE early; SELECT pg_sleep(0.3); LOCK TABLE late; DROP TABLE late; DROP TABLE early;"
HELD_LATE = "SELECT count(*) FROM pg_locks WHERE relation = 'late'::regclass"
BOUND_S = schema.LOCK_ATTEMPTS_MAX * (schema.LOCK_REST_S + 2.0)


@pytest.fixture
def two_tables(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return a database with a migration of two tables, whose way back locks one long before the other."""
    (tmp_path / "9000-two-tables.sql").write_text(MADE, "utf-8")
    (tmp_path / "9000-two-tables.rollback.sql").write_text(UNDONE, "utf-8")
    monkeypatch.setattr(schema, "MIGRATIONS", tmp_path)
    assert schema.migrate(database_url) == ["9000-two-tables"]
    return database_url


def crossing(url: str) -> None:
    """Lock the tables in the other order, as soon as the migration has the first one."""
    with psycopg.connect(url) as call:
        call.execute("LOCK TABLE late IN ROW EXCLUSIVE MODE")
        held = "SELECT count(*) FROM pg_locks WHERE relation = 'early'::regclass AND granted"
        wait_until(lambda: rows(url, held) == [(1,)])
        call.execute("LOCK TABLE early IN ROW EXCLUSIVE MODE")


@pytest.mark.parametrize("deadlock_timeout", ["100ms", "1s"])
def test_a_migration_that_meets_a_call_in_a_deadlock_is_repeated(two_tables: str, deadlock_timeout: str) -> None:
    # With the shorter one the server ends the migration, which begins to wait later; with its own default, neither.
    with psycopg.connect(two_tables, autocommit=True) as owner:
        name = owner.info.dbname
        owner.execute(f"ALTER DATABASE \"{name}\" SET deadlock_timeout = '{deadlock_timeout}'".encode())
    with ThreadPoolExecutor(1) as caller:
        call = caller.submit(crossing, two_tables)
        wait_until(lambda: rows(two_tables, HELD_LATE) == [(1,)])
        assert schema.roll_back(two_tables, 1) == ["9000-two-tables"]
        call.result()
    assert rows(two_tables, "SELECT to_regclass('late')") == [(None,)]


def test_a_migration_that_never_gets_its_tables_says_so(two_tables: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schema, "LOCK_ATTEMPTS_MAX", 2)
    monkeypatch.setattr(schema, "LOCK_REST_S", 0.1)
    with psycopg.connect(two_tables) as held:
        held.execute("LOCK TABLE late IN ROW EXCLUSIVE MODE")
        started = unstalled_s()
        with pytest.raises(schema.MigrationRefused, match="run the command again"):
            schema.roll_back(two_tables, 1)
        assert unstalled_s() - started < 10
    assert rows(two_tables, "SELECT count(*) FROM late") == [(0,)]


def test_the_audit_has_one_outcome_of_all_attempts(two_tables: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schema, "LOCK_ATTEMPTS_MAX", 3)
    monkeypatch.setattr(schema, "LOCK_REST_S", 0.1)
    acting = Acting(NOW, "ada", "back to the release before")
    with psycopg.connect(two_tables) as held:
        held.execute("LOCK TABLE late IN ROW EXCLUSIVE MODE")
        with pytest.raises(schema.MigrationRefused):
            schema.roll_back(two_tables, 1, acting)
    schema.roll_back(two_tables, 1, acting)
    phases = [phase for (phase,) in rows(two_tables, "SELECT phase FROM operator_audit ORDER BY audit_id")]
    assert phases == ["BEGUN", "FAILED", "BEGUN", "DONE"]


def test_no_migration_leaves_the_next_one_how_long_to_wait(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "9000-patient.sql").write_text("-- transactional: false\nSET lock_timeout = '1min';", "utf-8")
    (tmp_path / "9001-next.sql").write_text("CREATE TABLE waits AS SELECT current_setting('lock_timeout')", "utf-8")
    monkeypatch.setattr(schema, "MIGRATIONS", tmp_path)
    assert schema.migrate(database_url) == ["9000-patient", "9001-next"]
    assert rows(database_url, "TABLE waits") == [("500ms",)]


def call_on(database: Database, number: int, stopping: threading.Event, applied: list[str]) -> None:
    """Report events, read and claim until it is time to stop. Without its tables a call fails, and others follow."""
    turn = 0
    while not stopping.is_set():
        turn += 1
        event_id = f"{number} {turn}"
        try:
            flush(database, CATALOGUE, [Event(event_id, f"player {number}", NOW, KILLS, delta=1)], soon())
            applied.append(event_id)
            view_player(database, f"player {number}", soon())
            claim_all(database, CATALOGUE, f"player {number}", CATALOGUE.goals.values(), NOW, soon())
        except ChallengeError:
            stopping.wait(0.02)


@contextmanager
def calls(url: str) -> Iterator[list[str]]:
    """Call on four threads; yield the ids of the events that were applied."""
    stopping = threading.Event()
    applied: list[str] = []
    with opened(url, pool_size=6) as database, ThreadPoolExecutor(4) as callers:
        running = [callers.submit(call_on, database, number, stopping, applied) for number in range(4)]
        try:
            yield applied
        finally:
            stopping.set()
        for each in running:
            each.result()


@pytest.mark.slow
def test_migrations_go_back_and_forth_while_calls_go_on(database_url: str) -> None:
    newest = [path.stem for path in migration_files() if path.stem >= "0041"]
    with calls(database_url) as applied:
        wait_until(lambda: len(applied) > 50)
        for _ in range(3):
            started = time.monotonic()
            assert sorted(schema.roll_back(database_url, len(newest))) == newest
            assert schema.migrate(database_url) == newest
            assert time.monotonic() - started < BOUND_S
            before = len(applied)
            wait_until(lambda before=before: len(applied) > before + 20)  # type: ignore[misc]
    with connected(database_url) as connection:
        row = connection.execute(b"SELECT sum(events)::bigint FROM tally WHERE schedule = 'lifetime'").fetchone()
    assert row is not None
    assert row[0] == len(set(applied)) >= len(applied)
