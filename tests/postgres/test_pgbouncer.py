"""PgBouncer in transaction mode before the database: as without it, or refused with the reason."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import grpc
import psycopg
import pytest
from challenge.v1.event_service_pb2 import ReportEventRequest

from devstack.postgres import EmbeddedPostgres
from shared.domain.events import Event, Verdict
from shared.operations.database_probe import probe_database
from shared.operations.goals.view_player import view_player
from shared.postgres import schema
from shared.postgres.maintenance.maintenance import MaintenanceRefused, maintenance
from tests.support.databases import PATIENCE_S, opened, soon
from tests.support.event_messages import stat
from tests.support.flushing import flush
from tests.support.goals import catalogue_of, goal
from tests.support.pgbouncer import SETTING, pgbouncer_to, program, running_pgbouncer, version
from tests.support.services import NOW, event_service
from tests.support.strategies import KILLS
from tests.support.waiting import wait_until

CATALOGUE = catalogue_of(goal(target=5))
RETRYABLE = {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.RESOURCE_EXHAUSTED}
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
@pytest.mark.parametrize("lost", ["its connections to the server", "the process"])
def test_losses_under_load_lose_nothing_and_count_nothing_twice(service_url: str, lost: str) -> None:
    writers, events = 4, 100
    refused: list[grpc.StatusCode] = []
    pause = threading.Event()
    acknowledged = threading.Semaphore(0)
    with (
        running_pgbouncer(service_url, **IGNORING) as pooler,
        event_service(pooler.url, CATALOGUE, clock=lambda: NOW) as stub,
        ThreadPoolExecutor(writers) as threads,
    ):

        def write(user_id: str) -> None:
            for number in range(events):
                event = stat(KILLS.code, user_id, delta=1, event_id=f"{number}")
                while not is_acknowledged(ReportEventRequest(event=event)):
                    pause.wait(0.02)
                acknowledged.release()

        def is_acknowledged(request: ReportEventRequest) -> bool:
            try:
                stub.ReportEvent(request, timeout=PATIENCE_S)
            except grpc.RpcError as error:
                if error.code() not in RETRYABLE:
                    raise
                refused.append(error.code())
                return False
            return True

        def is_refused_again(before: int) -> bool:
            return len(refused) > before

        users = [f"player {writer}" for writer in range(writers)]
        writing = [threads.submit(write, user_id) for user_id in users]
        for _loss in range(2):
            for _ in range(writers * events // 3):
                assert acknowledged.acquire(timeout=PATIENCE_S)
            if lost == "the process":
                pooler.kill()
                # Calls meet it while it is away.
                wait_until(partial(is_refused_again, len(refused)))
                pooler.start()
            else:
                terminate_sessions(service_url)
        for written in writing:
            written.result()
        with opened(pooler.url) as database:
            assert probe_database(database) is None
            sums = [view_player(database, user_id, soon()).tallies[KILLS].measures.sum for user_id in users]
    assert sums == [events] * writers


def terminate_sessions(url: str) -> None:
    """End all sessions of the role."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = current_user"
            " AND pid <> pg_backend_pid()"
        )


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
    with pytest.raises(schema.MigrationRefused, match="a connection pooler such as PgBouncer is in front of"):
        schema.make_roles(pooled_url)
    with pytest.raises(MaintenanceRefused, match="a connection pooler"), maintenance(pooled_url):
        pass
