"""PgBouncer in transaction mode before the coordinator: as before one server."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from shared.domain.events import Event, Verdict
from shared.operations.database_probe import probe_database
from shared.operations.goals.view_player import view_player
from shared.postgres import schema
from shared.postgres.maintenance.maintenance import MaintenanceRefused, maintenance
from tests.support.citus import CitusServer
from tests.support.databases import connected, opened, soon
from tests.support.flushing import flush
from tests.support.pgbouncer import IGNORING, installed, keeps_statements, pgbouncer_to, version
from tests.support.pooler_losses import CATALOGUE, EVENTS, LOSSES, WRITERS, sums_after_losses, terminate_sessions
from tests.support.services import NOW
from tests.support.strategies import KILLS

PLAYERS = [f"player {number}" for number in range(8)]
"""Enough for players on every shard."""


@pytest.fixture
def service_url(citus_server: CitusServer, citus_url: str) -> str:
    """Return the address for the role of the services, which has the options of sessions."""
    with citus_server.alone():
        schema.make_roles(citus_url)
    parts = urlsplit(citus_url)
    return parts._replace(netloc=f"challenge_service@{parts.netloc.rpartition('@')[2]}").geturl()


@pytest.fixture
def pooled_url(service_url: str) -> Iterator[str]:
    """Yield the same address through PgBouncer."""
    with pgbouncer_to(service_url, **IGNORING) as url:
        yield url


@keeps_statements
def test_batches_are_applied_as_without_it(pooled_url: str) -> None:
    with opened(pooled_url) as database:
        for number in range(20):
            assert probe_database(database) is None
            batch = [Event(f"{number}", player, NOW, KILLS, delta=1) for player in PLAYERS]
            outcomes = flush(database, CATALOGUE, batch, soon())
            assert {outcome and outcome.verdict for outcome in outcomes} == {Verdict.APPLIED}
            again = flush(database, CATALOGUE, batch, soon())
            assert {outcome and outcome.verdict for outcome in again} == {Verdict.DUPLICATE}
        sums = {view_player(database, player, soon()).tallies[KILLS].measures.sum for player in PLAYERS}
    assert sums == {20}


@keeps_statements
@pytest.mark.parametrize("lost", LOSSES)
def test_losses_under_load_lose_nothing_and_count_nothing_twice(service_url: str, lost: str) -> None:
    assert sums_after_losses(service_url, lost) == [EVENTS] * WRITERS


@keeps_statements
def test_prepared_statements_that_are_not_kept_are_refused(service_url: str) -> None:
    with pgbouncer_to(service_url, max_prepared_statements="0", **IGNORING) as url, opened(url, 1) as database:
        problem = probe_database(database)
    assert problem is not None
    assert "PgBouncer 1.21 or newer does, with max_prepared_statements" in problem


@installed
@pytest.mark.skipif(version() >= (1, 21), reason="the installed PgBouncer is not an old one")
def test_an_old_pgbouncer_is_refused_before_a_cluster(citus_url: str) -> None:
    with pgbouncer_to(citus_url, **IGNORING) as url, opened(url, 1) as database:
        problem = probe_database(database)
    assert problem is not None
    assert problem.startswith("sessions do not have ") or "PgBouncer 1.21" in problem


@installed
def test_session_options_are_demanded_from_the_role(citus_url: str) -> None:
    with pgbouncer_to(citus_url, **IGNORING) as url, opened(url, 1) as database:
        problem = probe_database(database)
    assert problem is not None
    assert problem.startswith("sessions do not have ") or "PgBouncer 1.21" in problem


@keeps_statements
@pytest.mark.parametrize("option", ["plan_cache_mode = force_generic_plan", "citus.multi_shard_modify_mode = parallel"])
def test_options_that_a_cluster_needs_are_demanded_from_the_role(service_url: str, citus_url: str, option: str) -> None:
    database_name = urlsplit(citus_url).path[1:]
    with pgbouncer_to(service_url, **IGNORING) as url, opened(url, 1) as database:
        assert probe_database(database) is None
        with connected(citus_url) as owner:
            owner.execute(f'ALTER ROLE challenge_service IN DATABASE "{database_name}" SET {option}'.encode())
        # Options that a service sets when it connects hold for the session that PgBouncer had then.
        terminate_sessions(service_url)
        problem = probe_database(database)
    assert problem is not None
    assert problem.startswith("sessions do not have ")
    assert option.partition(" ")[0] in problem


@installed
def test_maintenance_demands_a_direct_address(pooled_url: str) -> None:
    for change in (schema.migrate, schema.make_roles):
        with pytest.raises(schema.MigrationRefused, match="a connection pooler such as PgBouncer is in front of"):
            change(pooled_url)
    # `admin distribute` is one, too.
    with pytest.raises(MaintenanceRefused, match="a connection pooler"), maintenance(pooled_url):
        pass
