"""Roles that own no table: services work, audits are kept, readers read."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import psycopg
import pytest

from admin.__main__ import main
from shared.domain.errors import DatabaseUnavailable
from shared.domain.events import Event, Verdict
from shared.domain.instant import DAY, HOUR
from shared.operations.catalogue.catalogue_record import record_catalogue
from shared.operations.database_probe import probe_database
from shared.operations.events.ledger_partitions import LedgerPartitions, keep_ledger_partitions
from shared.operations.leaderboards.ranking_refresh import RankingRefresh
from shared.postgres import schema
from shared.postgres.events import ledger_partitions
from shared.postgres.maintenance import maintenance_commands
from shared.postgres.maintenance.maintenance import MaintenanceRefused, maintenance
from shared.runtime.telemetry import Telemetry
from tests.admin.site import DOCUMENT
from tests.catalogue.documents import loaded, write_json
from tests.support.databases import opened, soon
from tests.support.flushing import flush
from tests.support.postgres_server import PostgresServer
from tests.support.services import NOW, ManualClock
from tests.support.strategies import KILLS

PASSWORD = "secret"
ROLE_NAMES = "challenge_owner, challenge_service, challenge_operator, challenge_readonly"
CATALOGUE = loaded(DOCUMENT)
AUDITS = {
    "reward_audit": "(act_time, operator, action, grant_id, reason, before, database_role)"
    " VALUES (now(), 'ada', 'retry', gen_random_uuid(), 'why', '{}', 'somebody else')",
    "operator_audit": "(act_time, operator, kind, reason, database_role)"
    " VALUES (now(), 'ada', 'optimize', 'why', 'somebody else')",
    "points_adjustment": "(user_id, adjustment_id, adjust_time, points, operator, reason, database_role)"
    " VALUES ('ana', gen_random_uuid(), now(), 1, 'ada', 'why', 'somebody else')",
}


# Without a right it is refused before it does anything.
_NEEDS_ALL = (
    "WITH refused AS (UPDATE tally SET events = 0 WHERE false RETURNING user_id)"
    " SELECT user_id, make_event_seen_partition(date '2024-02-29') FROM refused, _yoyo_migration"
)


class Addresses(NamedTuple):
    """The address of one database for each role."""

    superuser: str
    owner: str
    service: str
    operator: str
    readonly: str


def execute(url: str, statement: str) -> list[tuple[object, ...]]:
    """Execute a statement and return its rows, if it has any."""
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []


def addresses_of(superuser: str) -> Addresses:
    """Return the addresses of a database, given the superuser's."""
    parts = urlsplit(superuser)
    host = parts.netloc.rpartition("@")[2]
    roles = ("owner", "service", "operator", "readonly")
    return Addresses(superuser, *(f"postgresql://challenge_{role}:{PASSWORD}@{host}{parts.path}" for role in roles))


class Site(NamedTuple):
    """A server, and a migrated database with roles on it from which each test's own is copied."""

    server: PostgresServer
    template: str


@pytest.fixture(
    scope="module", params=["roles first", "tables first", pytest.param("PostgreSQL 16", marks=pytest.mark.slow)]
)
def site(request: pytest.FixtureRequest) -> Iterator[Site]:
    """Yield a server with roles."""
    server: PostgresServer = request.getfixturevalue(
        "postgres_16" if request.param == "PostgreSQL 16" else "postgres_server"
    )
    with server.fresh_database(template="template1") as superuser:
        addresses = addresses_of(superuser)
        if request.param == "tables first":
            schema.migrate(superuser)
        for _ in range(2):
            execute(superuser, schema.ROLES.read_text(encoding="utf-8"))
        for role in ("owner", "service", "operator", "readonly"):
            execute(superuser, f"ALTER ROLE challenge_{role} PASSWORD '{PASSWORD}'")
        schema.migrate(addresses.owner)
        yield Site(server, urlsplit(superuser).path.strip("/"))


@pytest.fixture
def addresses(site: Site) -> Iterator[Addresses]:
    """Yield the addresses of a migrated database with roles. Rights on the database itself are not copied."""
    with site.server.fresh_database(template=site.template) as superuser:
        execute(superuser, f"GRANT CONNECT ON DATABASE {urlsplit(superuser).path.strip('/')} TO {ROLE_NAMES}")
        yield addresses_of(superuser)


def work_as_a_service(url: str) -> None:
    """Do what services do with the database, as a role that owns nothing."""
    assert execute(url, "SELECT count(*) FROM pg_tables WHERE tableowner = current_user") == [(0,)]
    with opened(url) as database:
        assert probe_database(database) is None
        record_catalogue(database, CATALOGUE, NOW, soon())
        keep_ledger_partitions(database, 72 * HOUR, NOW, soon())
        outcomes = flush(database, CATALOGUE, [Event("1", "ana", NOW, KILLS, delta=3, value=7)], soon())
        assert [outcome and outcome.verdict for outcome in outcomes] == [Verdict.APPLIED]
        assert database.autocommit(ledger_partitions.days_without_partition, soon()) == 0
    with opened(url, pool_size=1) as database:
        assert RankingRefresh(database, ManualClock(NOW), Telemetry()).one_pass()
    assert execute(url, "SELECT DISTINCT user_id FROM leaderboard_ranking") == [("ana",)]
    with opened(url) as database:
        # A pass drops one day.
        for _ in range(8):
            keep_ledger_partitions(database, 72 * HOUR, NOW + 30 * DAY, soon())
    assert execute(url, "SELECT count(*) FROM event_seen") == [(0,)]


def test_a_service_that_owns_nothing_does_everything(addresses: Addresses) -> None:
    work_as_a_service(addresses.service)


def test_the_probe_names_a_right_that_the_service_lacks(addresses: Addresses) -> None:
    with opened(addresses.service, pool_size=1) as database:
        for right, named in (
            ("EXECUTE ON FUNCTION make_event_seen_partition(date)", "make_event_seen_partition(date)"),
            ("UPDATE ON tally", "UPDATE ON TABLE tally"),
            ("SELECT ON _yoyo_migration", "SELECT ON TABLE _yoyo_migration"),
            ("USAGE ON SCHEMA public", "USAGE ON SCHEMA"),
        ):
            execute(addresses.superuser, f"REVOKE {right} FROM challenge_service, PUBLIC")
            problem = probe_database(database)
            assert problem is not None
            assert problem.startswith("role 'challenge_service' ")
            assert named in problem
            with pytest.raises(DatabaseUnavailable):
                database.autocommit(lambda connection: connection.execute(_NEEDS_ALL), soon())
            execute(addresses.superuser, f"GRANT {right} TO challenge_service")
        assert probe_database(database) is None
    with opened(addresses.operator, pool_size=1) as database:
        assert probe_database(database, by_service=False) is None, "operators need fewer"


def test_the_log_of_services_is_compressed_where_that_is_cheap(addresses: Addresses) -> None:
    known = "SELECT unnest(enumvals) FROM pg_settings WHERE name = 'wal_compression'"
    methods = {method for (method,) in execute(addresses.superuser, known)}
    expected = next((method for method in ("lz4", "zstd") if method in methods), "off")
    for url in (addresses.service, addresses.operator):
        assert execute(url, "SHOW wal_compression") == [(expected,)]


def test_only_the_service_may_change_partitions(addresses: Addresses) -> None:
    for url in (addresses.operator, addresses.readonly):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            execute(url, "SELECT drop_event_seen_partitions(date '2100-01-01')")


def test_the_number_of_days_without_partition_is_true_while_none_can_be_created(addresses: Addresses) -> None:
    execute(
        addresses.owner,
        "INSERT INTO event_seen_default (event_day, user_id, event_hash)"
        " VALUES ('1999-01-01', 'ana', decode(md5('1'), 'hex'))",
    )
    with opened(addresses.readonly, pool_size=1) as database:
        duty = LedgerPartitions(database, lambda: 72 * HOUR, lambda: NOW)
        with pytest.raises(DatabaseUnavailable):
            duty.one_pass()
        assert duty.days_without_partition == 1
        execute(addresses.owner, "REVOKE SELECT ON event_seen_default FROM challenge_readonly")
        with pytest.raises(DatabaseUnavailable):
            duty.one_pass()
        assert math.isnan(duty.days_without_partition)


def test_a_table_of_a_caller_does_not_stand_in_for_ours(addresses: Addresses) -> None:
    with psycopg.connect(addresses.service, autocommit=True) as connection:
        connection.execute("CREATE TEMPORARY TABLE event_seen_default (event_day date)")
        connection.execute("SELECT make_event_seen_partition(date '2024-02-29')")
        owned = connection.execute("SELECT tableowner FROM pg_tables WHERE tablename = 'event_seen_20240229'")
        assert owned.fetchall() == [("challenge_owner",)]


@pytest.mark.parametrize("table", AUDITS)
def test_audits_are_only_added_to_and_name_the_role(addresses: Addresses, table: str) -> None:
    for url in (addresses.service, addresses.operator):
        execute(url, f"INSERT INTO {table} {AUDITS[table]}")
        for change in (f"UPDATE {table} SET reason = 'other'", f"DELETE FROM {table}"):  # noqa: S608
            with pytest.raises(psycopg.errors.InsufficientPrivilege, match="may only be added"):
                execute(url, change)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            execute(url, f"TRUNCATE {table}")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        execute(addresses.readonly, f"INSERT INTO {table} {AUDITS[table]}")
    roles = f"SELECT database_role FROM {table} ORDER BY 1"  # noqa: S608
    assert execute(addresses.readonly, roles) == [("challenge_operator",), ("challenge_service",)]
    execute(addresses.owner, f"DELETE FROM {table}")  # noqa: S608
    assert execute(addresses.owner, roles) == []


def test_a_reader_reads_everything_and_changes_nothing(addresses: Addresses) -> None:
    found = execute(addresses.owner, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    for table in {table for (table,) in found} - {"draw_secret"}:
        execute(addresses.readonly, f"SELECT * FROM {table} LIMIT 1")  # noqa: S608
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        execute(addresses.readonly, "INSERT INTO player VALUES ('ana', 'UTC', now())")


@pytest.mark.parametrize("role", ["service", "operator"])
def test_services_and_operators_see_the_statistics_of_other_roles(addresses: Addresses, role: str) -> None:
    member = "SELECT pg_has_role('pg_read_all_stats', 'USAGE')"
    assert execute(getattr(addresses, role), member) == [(True,)]
    assert execute(addresses.readonly, member) == [(False,)]


def test_a_reader_cannot_predict_draws(addresses: Addresses) -> None:
    secrets = [execute(url, "SELECT secret FROM draw_secret") for url in (addresses.service, addresses.operator)]
    assert secrets[0] == secrets[1]
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        execute(addresses.readonly, "SELECT secret FROM draw_secret")


def test_the_operators_role_serves_operators(
    addresses: Addresses, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with opened(addresses.service) as database:
        record_catalogue(database, CATALOGUE, NOW, soon())
        flush(database, CATALOGUE, [Event("1", "ana", NOW, KILLS, delta=3, value=7)], soon())
    monkeypatch.setenv("DATABASE_URL", addresses.operator)
    monkeypatch.setenv("CATALOGUE", str(write_json(tmp_path / "catalogue.json", DOCUMENT)))
    assert main(["points", "adjust", "ana", "+5", "--reason", "a gift", "--operator", "ada"]) == 0
    assert main(["recalculate", "--all"]) == 0
    assert main(["stats", "show", "ana"]) == 0
    assert "ada (challenge_operator): +5 (a gift)" in capsys.readouterr().out
    monkeypatch.setenv("ERASE_LIST_KEY", "a secret of the operators")
    assert main(["player", "erase", "ana", "--list", str(tmp_path / "list"), "--reason", "asked for"]) == 0
    flush_again = Event("2", "bea", NOW, KILLS, delta=3, value=7)
    with opened(addresses.service) as database:
        flush(database, CATALOGUE, [flush_again], soon())
    monkeypatch.setenv("DATABASE_URL", addresses.service)
    with pytest.raises(SystemExit):
        main(["player", "erase", "bea", "--list", str(tmp_path / "list"), "--reason", "asked for"])
    assert execute(addresses.owner, "SELECT user_id FROM player_tombstone") == [("ana",)]
    monkeypatch.setenv("DATABASE_URL", addresses.operator)
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        execute(addresses.service, "SELECT erase_player('ana', 'nobody', now(), 'ada', 'why')")
    assert main(["rewards", "list"]) == 0
    assert main(["boards", "list"]) == 0
    assert main(["report"]) == 0


def test_commands_name_the_right_that_they_lack(
    addresses: Addresses, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with opened(addresses.service) as database:
        record_catalogue(database, CATALOGUE, NOW, soon())
        flush(database, CATALOGUE, [Event("1", "ana", NOW, KILLS, delta=3, value=7)], soon())
    monkeypatch.setenv("DATABASE_URL", addresses.readonly)
    monkeypatch.setenv("CATALOGUE", str(write_json(tmp_path / "catalogue.json", DOCUMENT)))
    for command, lacking in (
        (("points", "adjust", "ana", "+5", "--reason", "a gift"), "permission denied for table points_adjustment: run"),
        (("identity", "renew"), "permission denied for table database_identity: run"),
        (("roles",), ": make the roles as a superuser"),
    ):
        with pytest.raises(SystemExit) as ended:
            main(command)
        assert ended.value.code == 1
        assert lacking in capsys.readouterr().err
    # Postgres skips the tables of others with a warning.
    with maintenance(addresses.readonly) as session, pytest.raises(MaintenanceRefused, match="permission denied"):
        session.do(lambda connection: maintenance_commands.analyze(connection, "tally"))
    with maintenance(addresses.owner) as session:
        session.do(lambda connection: maintenance_commands.vacuum(connection, "tally"))


def test_making_the_roles_again_does_not_wait_for_calls(addresses: Addresses) -> None:
    with psycopg.connect(addresses.service) as busy:
        busy.execute("INSERT INTO player VALUES ('ana', 'UTC', now())")
        execute(addresses.superuser, "SET lock_timeout = '1ms';" + schema.ROLES.read_text(encoding="utf-8"))
