"""The primary is switched over while players play, its standby stops, and a standby that was behind is promoted."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from devstack.postgres import EmbeddedPostgres
from devstack.valkey import EmbeddedValkey
from tests.catalogue.documents import write_json
from tests.faults.redis_load import DOCUMENT as RANKED
from tests.faults.test_restored_database import hits, report, stored
from tests.support.event_callers import STREAM_CALLERS, UNARY_CALLERS, calling
from tests.support.oracle import DOCUMENT, Oracle
from tests.support.service_process import ServiceProcess, serving
from tests.support.services import rows
from tests.support.standby import Link, address_of, promote, require_standby, standby_of
from tests.support.waiting import wait_until

pytestmark = pytest.mark.slow

CALLERS = UNARY_CALLERS + STREAM_CALLERS
EVENTS_BETWEEN = 2_000
SWITCHED_S = 60.0
NO_STANDBY = "no synchronous standby"
STANDBY_AWAY = "0 of 1 synchronous standbys"
PLAYERS = 1_000


@contextmanager
def playing(address: str, folder: Path, **environ: str) -> Iterator[tuple[ServiceProcess, ServiceProcess]]:
    """Start an event handler and a challenge service with the catalogue of the oracle."""
    settings = {"CATALOGUE": str(write_json(folder / "catalogue.json", DOCUMENT)), **environ}
    with (
        serving("event_handler", address, **settings) as handler,
        serving("challenge_service", address, **settings) as challenges,
    ):
        yield handler, challenges


def not_serving_because(service: ServiceProcess) -> str:
    """Return why the database keeps a process from serving, as it was last logged; empty while it serves."""
    if service.health() != "NOT_SERVING":
        return ""
    reasons = [line["reason"] for line in service.logged("probe failing") if line["probe"] == "database"]
    return str(reasons[-1]) if reasons else ""


def test_a_promotion_under_load_loses_and_doubles_nothing(
    migrated_postgres: EmbeddedPostgres, server_folder: Path, tmp_path: Path
) -> None:
    oracle = Oracle(time.time_ns() // 1_000, seed=19)
    with ExitStack() as servers:
        second = servers.enter_context(standby_of(migrated_postgres, server_folder / "second", "second"))
        require_standby(migrated_postgres, "second")
        address = address_of(migrated_postgres, second)
        with playing(address, tmp_path, DATABASE_SYNCHRONOUS="required") as (handler, challenges):
            with calling(oracle, [handler.events]):
                oracle.wait_for_acknowledged(EVENTS_BETWEEN)
                migrated_postgres.kill()
                promote(second)
                # The new primary has no standby yet: it would be unsafe to acknowledge anything.
                wait_until(lambda: NO_STANDBY in not_serving_because(handler), SWITCHED_S)
                oracle.wait_for_failed_calls(2 * CALLERS)
                acknowledged = oracle.acknowledged
                third = servers.enter_context(standby_of(second, server_folder / "third", "third"))
                assert oracle.acknowledged == acknowledged
                require_standby(second, "third")
                wait_until(lambda: handler.health() == "SERVING", SWITCHED_S)
                oracle.wait_for_acknowledged(EVENTS_BETWEEN)
            challenges.wait_until_serving()
            judgement = oracle.judge(challenges.challenges)
            assert third.is_running
    print(f"\none promotion: {judgement}")  # noqa: T201
    judgement.assert_right()


def test_nothing_is_acknowledged_while_the_standby_is_away(
    migrated_postgres: EmbeddedPostgres, server_folder: Path, tmp_path: Path
) -> None:
    oracle = Oracle(time.time_ns() // 1_000, seed=20)
    with standby_of(migrated_postgres, server_folder / "second", "second") as second:
        require_standby(migrated_postgres, "second")
        with playing(migrated_postgres.url, tmp_path, DATABASE_SYNCHRONOUS="required") as (handler, challenges):
            with calling(oracle, [handler.events]):
                oracle.wait_for_acknowledged(EVENTS_BETWEEN)
                link = Link(migrated_postgres, second)
                link.cut()
                wait_until(lambda: STANDBY_AWAY in not_serving_because(handler), SWITCHED_S)
                oracle.wait_for_failed_calls(2 * CALLERS)
                acknowledged = oracle.acknowledged
                oracle.wait_for_failed_calls(2 * CALLERS)
                assert oracle.acknowledged == acknowledged
                link.mend()
                wait_until(lambda: handler.health() == "SERVING", SWITCHED_S)
                oracle.wait_for_acknowledged(EVENTS_BETWEEN)
            challenges.wait_until_serving()
            judgement = oracle.judge(challenges.challenges)
    print(f"\none absence of the standby: {judgement}")  # noqa: T201
    judgement.assert_right()


def test_redis_that_is_ahead_of_a_promoted_standby_is_rebuilt(
    migrated_postgres: EmbeddedPostgres, own_valkey: EmbeddedValkey, server_folder: Path, tmp_path: Path
) -> None:
    settings = {"CATALOGUE": str(write_json(tmp_path / "catalogue.json", RANKED)), "REDIS_URL": own_valkey.url}
    with standby_of(migrated_postgres, server_folder / "second", "second") as second:
        address = address_of(migrated_postgres, second)
        with (
            serving("event_handler", address, **settings) as handler,
            serving("challenge_service", address, **settings) as challenges,
        ):
            report(handler, PLAYERS, 1)
            wait_until(lambda: hits(challenges) == (PLAYERS, [1, 1, 1]))
            wait_until(lambda: stored(second.url) == (PLAYERS, [1, 1, 1]))
            Link(migrated_postgres, second).cut()
            report(handler, PLAYERS, 5)
            wait_until(lambda: hits(challenges) == (PLAYERS, [6, 6, 6]))
            migrated_postgres.kill()
            promote(second)
            wait_until(lambda: hits(challenges) == (PLAYERS, [1, 1, 1]), SWITCHED_S)
            report(handler, PLAYERS, 2)
            wait_until(lambda: hits(challenges) == (PLAYERS, [3, 3, 3]) == stored(second.url), SWITCHED_S)


def test_leaderboards_come_from_a_standby_while_there_is_one(
    migrated_postgres: EmbeddedPostgres, server_folder: Path, tmp_path: Path
) -> None:
    settings = {"CATALOGUE": str(write_json(tmp_path / "catalogue.json", RANKED))}
    with (
        standby_of(migrated_postgres, server_folder / "second", "second") as second,
        serving("event_handler", migrated_postgres.url, **settings) as handler,
        serving("challenge_service", migrated_postgres.url, DATABASE_STANDBY_URL=second.url, **settings) as challenges,
    ):
        wait_until(lambda: challenges.health("standby") == "SERVING")
        report(handler, PLAYERS, 1)
        wait_until(lambda: hits(challenges) == (PLAYERS, [1, 1, 1]))
        wait_until(lambda: hits(challenges) is not None and reads(second.url) > 0)
        second.kill()
        report(handler, PLAYERS, 1)
        wait_until(lambda: hits(challenges) == (PLAYERS, [2, 2, 2]))
        wait_until(lambda: challenges.health("standby") == "NOT_SERVING")
        assert challenges.health() == "SERVING"


def reads(url: str) -> int:
    """Return how many connections of a challenge service a server has on which leaderboards were read.

    The server shows the first kilobyte of a statement, so it may be any table of rankings.
    """
    query = (
        "SELECT count(*) FROM pg_stat_activity "
        "WHERE right(application_name, 7) = 'standby' AND query ~ 'leaderboard_(ranking|bucket)|ranking_state'"
    )
    return int(rows(url, query)[0][0])
