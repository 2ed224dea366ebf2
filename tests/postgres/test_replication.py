"""Commits that wait for a synchronous standby: nothing is acknowledged that it does not have."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest

from devstack.postgres import EmbeddedPostgres
from shared.domain.errors import ChallengeError, DatabaseUnavailable
from shared.domain.events import Event, Outcome, Verdict
from shared.domain.goal import Goal
from shared.operations.database_probe import probe_database
from shared.operations.goals.activate import set_goal_active
from shared.operations.goals.initialize import initialize_player
from shared.operations.rewards.claim import claim_reward
from shared.postgres.database import Database
from shared.postgres.schema import migrate
from tests.support.databases import connected, soon
from tests.support.flushing import flush
from tests.support.goals import catalogue_of, goal
from tests.support.proxy import proxy_to
from tests.support.round_trips import RoundTrips
from tests.support.services import NOW, rows
from tests.support.standby import Link, address_of, execute, promote, require_standby, standby_of
from tests.support.strategies import KILLS
from tests.support.waiting import wait_until

NAME = "standby"
PLAIN: Goal = goal("kill", target=1)
CATALOGUE = catalogue_of(PLAIN)


@contextmanager
def opened(url: str, *, required: bool = True, pool_size: int = 2) -> Iterator[Database]:
    """Open a pool that requires synchronous standbys."""
    with closing(Database(url, pool_size=pool_size, application_name="tests", synchronous=required)) as database:
        database.open()
        yield database


@pytest.fixture
def primary(migrated_postgres: EmbeddedPostgres) -> EmbeddedPostgres:
    """Return a migrated server without a standby."""
    return migrated_postgres


@pytest.fixture
def standby(primary: EmbeddedPostgres, server_folder: Path) -> Iterator[EmbeddedPostgres]:
    """Return its synchronous standby."""
    with standby_of(primary, server_folder / NAME, NAME) as server:
        require_standby(primary, NAME)
        yield server


@pytest.fixture
def link(primary: EmbeddedPostgres, standby: EmbeddedPostgres) -> Link:
    """Return the connection between both."""
    return Link(primary, standby)


def report(database: Database, event_id: str, seconds: float = 20.0) -> Verdict | None:
    """Flush one event and return its verdict."""
    (outcome,) = flush(database, CATALOGUE, [Event(event_id, "player", NOW, KILLS, delta=1)], soon(seconds))
    return None if outcome is None else outcome.verdict


def waiting(primary: EmbeddedPostgres) -> list[int]:
    """Return the server processes whose COMMIT waits for a standby."""
    return [pid for (pid,) in rows(primary.url, "SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep'")]


def has_event(server: EmbeddedPostgres) -> bool:
    """Return whether a server shows the event."""
    return rows(server.url, "SELECT count(*) FROM event_seen") != [(0,)]


def test_the_probe_tells_why_commits_would_not_be_replicated(primary: EmbeddedPostgres, server_folder: Path) -> None:
    with opened(primary.url) as database:
        empty = probe_database(database)
        assert empty == "the database has no synchronous standby: synchronous_standby_names is empty"
        with pytest.raises(DatabaseUnavailable, match="no synchronous standby"):
            database.transact(lambda _connection: None, soon())
        with standby_of(primary, server_folder / NAME, NAME) as standby:
            require_standby(primary, NAME)
            link = Link(primary, standby)
            assert probe_database(database) is None
            assert report(database, "id") is Verdict.APPLIED
            for names, problem in (("FIRST 2 (standby, other)", "1 of 2"), ("ANY 1 (standby, other)", None)):
                execute(primary, f"ALTER SYSTEM SET synchronous_standby_names = '{names}'", "SELECT pg_reload_conf()")
                wait_until(
                    lambda problem=problem: (
                        (found := probe_database(database)) == problem  # type: ignore[misc]
                        or (problem is not None and found is not None and problem in found)
                    )
                )
            link.cut()
            assert "0 of 1 synchronous standbys" in wait_until(lambda: probe_database(database) or "")
            link.mend()
            wait_until(lambda: probe_database(database) is None)
            assert report(database, "id") is Verdict.DUPLICATE
    with opened(primary.url, required=False) as database:
        assert probe_database(database) is None, "without the setting none is needed"


def test_a_role_that_sees_no_standbys_is_told_what_it_lacks(
    primary: EmbeddedPostgres, standby: EmbeddedPostgres
) -> None:
    assert standby.is_running
    execute(primary, "CREATE ROLE blind LOGIN PASSWORD 'blind'", "GRANT ALL ON ALL TABLES IN SCHEMA public TO blind")
    blind = primary.url.replace(f"challenge:{primary.password}@", "blind:blind@")
    with opened(blind) as database:
        found = probe_database(database, by_service=False)
        assert found is not None
        assert "GRANT pg_read_all_stats" in found
        execute(primary, "GRANT pg_read_all_stats TO blind")
        wait_until(lambda: probe_database(database, by_service=False) is None)


@pytest.mark.parametrize(
    ("interrupt", "required"),
    [
        ("pg_cancel_backend", True),
        ("pg_terminate_backend", False),
        pytest.param("pg_cancel_backend", False, marks=pytest.mark.slow),
        pytest.param("pg_terminate_backend", True, marks=pytest.mark.slow),
    ],
)
def test_an_interrupted_wait_is_acknowledged_once_the_standby_has_it(
    primary: EmbeddedPostgres, standby: EmbeddedPostgres, link: Link, interrupt: str, required: bool
) -> None:
    with opened(primary.url, required=required) as database, ThreadPoolExecutor(2) as callers:
        report(database, "prepares")
        link.cut()
        first: Future[Verdict | None] = callers.submit(report, database, "id")
        (pid,) = wait_until(lambda: waiting(primary))
        execute(primary, f"SELECT {interrupt}({pid})")
        # Its row is visible now, and a promotion would lose it.
        wait_until(lambda: rows(primary.url, "SELECT count(*) FROM event_seen") == [(2,)])
        wait_until(lambda: len(waiting(primary)) == 1)
        again: list[Future[Verdict | None]] = []
        if required:
            again.append(callers.submit(report, database, "id"))
            wait_until(lambda: len(waiting(primary)) == 2)
        assert not any(call.done() for call in (first, *again))
        link.mend()
        assert first.result() is Verdict.APPLIED
        assert [call.result() for call in again] == [Verdict.DUPLICATE] * required
        wait_until(lambda: rows(standby.url, "SELECT count(*) FROM event_seen") == [(2,)])


def test_an_interrupted_wait_ends_at_the_deadline_without_an_acknowledgement(
    primary: EmbeddedPostgres, standby: EmbeddedPostgres, link: Link
) -> None:
    with opened(primary.url) as database, ThreadPoolExecutor(1) as callers:
        report(database, "prepares")
        link.cut()
        done = threading.Event()

        def interrupt() -> None:
            while not done.wait(0.01):
                for pid in waiting(primary):
                    execute(primary, f"SELECT pg_cancel_backend({pid})")

        interrupting = callers.submit(interrupt)
        try:
            with pytest.raises(ChallengeError):
                report(database, "id", 1.5)
        finally:
            done.set()
            interrupting.result()
        assert rows(primary.url, "SELECT count(*) FROM event_seen") == [(2,)]
        promote(standby)
        assert rows(standby.url, "SELECT count(*) FROM event_seen") == [(1,)]


def test_a_repeated_claim_waits_for_the_standby(primary: EmbeddedPostgres, link: Link) -> None:
    with opened(primary.url) as database, ThreadPoolExecutor(1) as callers:
        report(database, "id")
        made = claim_reward(database, CATALOGUE, "player", PLAIN, "request", NOW, soon())
        link.cut()
        again = callers.submit(claim_reward, database, CATALOGUE, "player", PLAIN, "request", NOW, soon())
        wait_until(lambda: waiting(primary))
        assert not again.done()
        link.mend()
        assert again.result() == made


def test_a_repeated_switch_waits_for_the_standby(primary: EmbeddedPostgres, link: Link) -> None:
    with opened(primary.url) as database, ThreadPoolExecutor(1) as callers:
        switched_off = "player", PLAIN, False, NOW
        set_goal_active(database, CATALOGUE, *switched_off, soon())
        link.cut()
        again = callers.submit(set_goal_active, database, CATALOGUE, *switched_off, soon())
        wait_until(lambda: again.done() or waiting(primary))
        assert not again.done()
        link.mend()
        assert not again.result().assignments[PLAIN.id].active


def test_no_player_is_stored_while_the_standby_is_away(primary: EmbeddedPostgres, link: Link) -> None:
    with opened(primary.url) as database:
        assert initialize_player(database, "first", None, NOW, soon()).created
        link.cut()
        wait_until(lambda: probe_database(database))
        with pytest.raises(DatabaseUnavailable, match="synchronous standbys"):
            initialize_player(database, "second", None, NOW, soon())
        assert waiting(primary) == []
        assert not initialize_player(database, "first", None, NOW, soon()).created


def test_waiting_takes_no_round_trip(primary: EmbeddedPostgres, link: Link) -> None:
    # A role whose commits would not wait.
    execute(primary, "ALTER ROLE challenge SET synchronous_commit = local")
    local = quote("-c synchronous_commit=local")
    with proxy_to(f"{primary.url}?options={local}") as (proxy, url), opened(url, pool_size=1) as database:
        assert report(database, "completes the goal") is Verdict.APPLIED
        report(database, "prepares")
        report(database, "prepares")
        round_trips = RoundTrips()
        proxy.drop_reply(after=round_trips)
        for event_id, verdict, expected in (("nothing", Verdict.APPLIED, 2), ("nothing", Verdict.DUPLICATE, 5)):
            before = round_trips.count
            assert report(database, event_id) is verdict
            assert round_trips.count - before == expected
        link.cut()
        with pytest.raises(ChallengeError):
            report(database, "waits", 0.5)
        with pytest.raises(ChallengeError):
            report(database, "nothing", 0.5)


@pytest.mark.parametrize(
    "attributes",
    [
        "",
        pytest.param("target_session_attrs=read-write", marks=pytest.mark.slow),
        pytest.param("target_session_attrs=primary", marks=pytest.mark.slow),
    ],
)
def test_an_address_of_several_servers_leads_to_the_one_that_accepts_writes(
    primary: EmbeddedPostgres, standby: EmbeddedPostgres, attributes: str
) -> None:
    url = address_of(standby, primary, parameters=attributes)
    assert migrate(url) == []
    with opened(url) as database:
        assert probe_database(database) is None
        assert report(database, "id") is Verdict.APPLIED
        wait_until(lambda: has_event(standby))
        primary.kill()
        promote(standby)
        execute(standby, "ALTER SYSTEM SET synchronous_standby_names = ''", "SELECT pg_reload_conf()")
        wait_until(lambda: (probe_database(database) or "").startswith("the database has no synchronous standby"))
        database.synchronous = False
        database.unreplicated = None
        outcomes: list[Outcome | None] = wait_until(lambda: _resent(database))
        assert [outcome and outcome.verdict for outcome in outcomes] == [Verdict.DUPLICATE]


def _resent(database: Database) -> list[Outcome | None]:
    try:
        return list(flush(database, CATALOGUE, [Event("id", "player", NOW, KILLS, delta=1)], soon()))
    except ChallengeError:
        return []


def test_servers_of_which_none_accepts_writes_are_named_as_such(standby: EmbeddedPostgres) -> None:
    with opened(address_of(standby, standby)) as database:
        wait_until(lambda: database.problem == "no server of the address accepts writes")
        with pytest.raises(psycopg.OperationalError), connected(address_of(standby, standby)):
            pass
