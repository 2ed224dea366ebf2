"""PgBouncer in transaction mode before the database: as without it, or refused with the reason."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import psycopg
import pytest

from devstack.postgres import EmbeddedPostgres
from shared.domain.errors import ChallengeError
from shared.domain.events import Event, Verdict
from shared.operations.database_probe import probe_database
from shared.operations.goals.view_player import view_player
from shared.postgres import schema
from shared.postgres.maintenance.maintenance import MaintenanceRefused, maintenance
from tests.support.databases import opened, soon
from tests.support.flushing import flush
from tests.support.goals import catalogue_of, goal
from tests.support.pgbouncer import SETTING, pgbouncer_to, program, version
from tests.support.services import NOW
from tests.support.strategies import KILLS
from tests.support.waiting import wait_until

CATALOGUE = catalogue_of(goal(target=5))
IGNORING = {"ignore_startup_parameters": "options"}

installed = pytest.mark.skipif(program() is None, reason=f"PgBouncer is not on PATH, nor at {SETTING}")
keeps_statements = pytest.mark.skipif(
    version() < (1, 21), reason=f"no PgBouncer of 1.21 or newer, at {SETTING} or on PATH"
)


@pytest.fixture
def service_url(own_postgres: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return the address of a migrated database for the role of the services."""
    with monkeypatch.context() as patched:
        patched.setenv("PGOPTIONS", f"-c challenge.password={own_postgres.password}")
        schema.make_roles(own_postgres.url)
    schema.migrate(own_postgres.url_of("owner"))
    return own_postgres.url_of("service")


@pytest.fixture
def pooled_url(service_url: str) -> Iterator[str]:
    """Yield the address of the same database through PgBouncer."""
    with pgbouncer_to(service_url, **IGNORING) as url:
        yield url


@keeps_statements
def test_events_are_applied_as_without_it(pooled_url: str) -> None:
    with opened(pooled_url) as database:
        for number in range(20):
            assert probe_database(database) is None
            outcomes = flush(database, CATALOGUE, [Event(f"{number}", "player", NOW, KILLS, delta=1)], soon())
            assert [outcome and outcome.verdict for outcome in outcomes] == [Verdict.APPLIED]
        assert view_player(database, "player", soon()).tallies[KILLS].measures.sum == 20


@keeps_statements
def test_a_restart_under_load_loses_nothing_and_counts_nothing_twice(service_url: str) -> None:
    writers, events = 4, 150
    done = threading.Event()
    with pgbouncer_to(service_url, **IGNORING) as url, opened(url) as database:
        applied = threading.Semaphore(0)

        def write(writer: int) -> None:
            for number in range(events):
                event = Event(f"{number}", f"player {writer}", NOW, KILLS, delta=1)
                while True:
                    try:
                        flush(database, CATALOGUE, [event], soon())
                        break
                    except ChallengeError:
                        done.wait(0.05)
                applied.release()

        threads = [threading.Thread(target=write, args=(writer,)) for writer in range(writers)]
        for thread in threads:
            thread.start()
        for _ in range(writers * events // 3):
            applied.acquire()
        with psycopg.connect(service_url, autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = current_user"
                " AND pid <> pg_backend_pid()"
            )
        for thread in threads:
            thread.join()
        sums = [
            view_player(database, f"player {writer}", soon()).tallies[KILLS].measures.sum for writer in range(writers)
        ]
    assert sums == [events] * writers


@keeps_statements
def test_prepared_statements_that_are_not_kept_are_refused(service_url: str) -> None:
    with pgbouncer_to(service_url, max_prepared_statements="0", **IGNORING) as url, opened(url, 1) as database:
        for _ in range(3):
            problem = probe_database(database)
            assert problem is not None
            assert "PgBouncer 1.21 or newer does, with max_prepared_statements" in problem


@installed
@pytest.mark.skipif(version() >= (1, 21), reason="the installed PgBouncer is not an old one")
def test_an_old_pgbouncer_is_refused(pooled_url: str) -> None:
    with opened(pooled_url, 1) as database:
        problem = probe_database(database)
    assert problem is not None
    assert "PgBouncer 1.21 or newer does, with max_prepared_statements" in problem


@installed
def test_the_reason_for_a_refused_connection_is_said(service_url: str) -> None:
    with pgbouncer_to(service_url) as url, opened(url, 1) as database:
        wait_until(lambda: "unsupported startup parameter" in (probe_database(database) or ""))


@installed
def test_session_options_are_demanded_from_the_role(own_postgres: EmbeddedPostgres) -> None:
    schema.migrate(own_postgres.url)
    with pgbouncer_to(own_postgres.url, **IGNORING) as url, opened(url, 1) as database:
        problem = probe_database(database)
    assert problem is not None
    assert problem.startswith("sessions do not have ") or "PgBouncer 1.21" in problem


@installed
def test_migrations_and_maintenance_demand_a_direct_address(pooled_url: str) -> None:
    with pytest.raises(schema.MigrationRefused, match="a connection pooler such as PgBouncer is in front of"):
        schema.migrate(pooled_url)
    with pytest.raises(schema.MigrationRefused, match="a connection pooler such as PgBouncer is in front of"):
        schema.roll_back(pooled_url, 1)
    with pytest.raises(MaintenanceRefused, match="a connection pooler"), maintenance(pooled_url):
        pass
