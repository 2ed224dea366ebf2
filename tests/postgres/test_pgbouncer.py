"""PgBouncer in transaction mode before the database: as without it, or refused with the reason."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from devstack.postgres import EmbeddedPostgres
from shared.domain.events import Event, Verdict
from shared.operations.database_probe import probe_database
from shared.operations.goals.view_player import view_player
from shared.postgres import schema
from shared.postgres.maintenance.maintenance import MaintenanceRefused, maintenance
from tests.support.databases import opened, soon
from tests.support.flushing import flush
from tests.support.pgbouncer import IGNORING, installed, keeps_statements, pgbouncer_to, version
from tests.support.pooler_losses import CATALOGUE, EVENTS, LOSSES, WRITERS, sums_after_losses
from tests.support.services import NOW
from tests.support.strategies import KILLS
from tests.support.waiting import wait_until


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
@pytest.mark.parametrize("lost", LOSSES)
def test_losses_under_load_lose_nothing_and_count_nothing_twice(service_url: str, lost: str) -> None:
    assert sums_after_losses(service_url, lost) == [EVENTS] * WRITERS


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
