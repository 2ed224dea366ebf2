"""Health follows the database and its schema, and never Redis."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager

import grpc
import psycopg
import pytest
from challenge.v1.challenge_service_pb2 import InitializePlayerRequest, ListChallengesRequest
from challenge.v1.event_service_pb2 import VERDICT_APPLIED, ReportEventRequest

from devstack.postgres import EmbeddedPostgres
from shared.postgres.schema import migrate
from tests.support.busy_machine import BUSY_FACTOR
from tests.support.event_messages import login
from tests.support.proxy import proxy_to
from tests.support.refusals import refusal
from tests.support.service_process import EITHER_SERVICE, SERVING_S, ServiceProcess
from tests.support.services import rows
from tests.support.unstalled_clock import unstalled_s
from tests.support.waiting import wait_until

SHOWN_WITHIN_S = 5.0 * BUSY_FACTOR
HEALED_WITHIN_S = 2.0 * BUSY_FACTOR
REDIS_MAY_COST_S = 0.2


@contextmanager
def both(database_url: str, **environ: str) -> Iterator[tuple[ServiceProcess, ServiceProcess]]:
    """Start the challenge service and the event handler at the same time."""
    with ExitStack() as started:
        yield (
            started.enter_context(ServiceProcess("challenge_service", database_url, **environ)),
            started.enter_context(ServiceProcess("event_handler", database_url, **environ)),
        )


def wait_for_health(services: tuple[ServiceProcess, ...], state: str, within_s: float) -> None:
    """Wait until all services report this state, each for the process as a whole and for its service."""
    names = ("challenge.v1.ChallengeService", "challenge.v1.EventService")
    wait_until(
        lambda: all(
            service.health(name) == state
            for service, own in zip(services, names, strict=True)
            for name in ("", own, "database")
        ),
        within_s,
    )


def report_now(events: ServiceProcess) -> int:
    event = login(at=time.time_ns() // 1_000)
    return events.events.ReportEvent(ReportEventRequest(event=event), timeout=60).result.verdict


def test_health_follows_an_outage_of_the_database(migrated_postgres: EmbeddedPostgres) -> None:
    with both(migrated_postgres.url) as services:
        challenges, events = services
        for service in services:
            service.wait_until_serving()
        listing = ListChallengesRequest(user_id="player")
        before = challenges.challenges.ListChallenges(listing)

        migrated_postgres.kill()
        wait_for_health(services, "NOT_SERVING", SHOWN_WITHIN_S)
        calls = (lambda: challenges.challenges.ListChallenges(listing), lambda: report_now(events))
        with ThreadPoolExecutor(len(calls)) as callers:
            refusals = list(callers.map(refusal, calls))
        for refused in refusals:
            assert (refused.code, refused.reason) == (grpc.StatusCode.UNAVAILABLE, "DATABASE_UNAVAILABLE")
            assert refused.retry_after_s

        migrated_postgres.start()
        wait_for_health(services, "SERVING", HEALED_WITHIN_S)
        assert challenges.challenges.ListChallenges(listing) == before
        assert report_now(events) == VERDICT_APPLIED
        assert [service.stop() for service in services] == [0, 0]


def test_services_serve_once_the_schema_is_migrated(own_postgres: EmbeddedPostgres) -> None:
    with both(own_postgres.url) as services:
        wait_for_health(services, "NOT_SERVING", SERVING_S)
        for service in services:
            failing = wait_until(lambda service=service: service.logged("probe failing"))[-1]  # type: ignore[misc]
            assert "make migrate" in failing["reason"]
        assert not rows(own_postgres.url, "SELECT 1 FROM pg_tables WHERE schemaname = 'public'")

        migrate(own_postgres.url)
        wait_for_health(services, "SERVING", HEALED_WITHIN_S)
        assert report_now(services[1]) == VERDICT_APPLIED


def test_services_do_not_serve_while_the_database_is_read_only(database_url: str) -> None:
    with both(database_url) as services, psycopg.connect(database_url, autocommit=True) as operator:
        for service in services:
            service.wait_until_serving()
        [name] = operator.execute("SELECT quote_ident(current_database())").fetchone() or [""]
        end_sessions = (
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        operator.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
        operator.execute(end_sessions)
        wait_for_health(services, "NOT_SERVING", SHOWN_WITHIN_S)
        initialize = InitializePlayerRequest(user_id="player")
        for call in (
            lambda: services[0].challenges.InitializePlayer(initialize),
            lambda: report_now(services[1]),
        ):
            assert refusal(call).reason == "DATABASE_UNAVAILABLE"

        operator.execute("SET default_transaction_read_only = off")
        operator.execute(f"ALTER DATABASE {name} RESET default_transaction_read_only")
        operator.execute(end_sessions)
        wait_for_health(services, "SERVING", HEALED_WITHIN_S)
        assert report_now(services[1]) == VERDICT_APPLIED


def test_services_stay_healthy_while_redis_is_down_or_hangs(database_url: str, redis_url: str) -> None:
    with (
        proxy_to(redis_url) as (proxy, redis_through_proxy),
        both(database_url, REDIS_URL=redis_through_proxy) as services,
    ):
        challenges, events = services
        for service in services:
            service.wait_until_serving()
            wait_until(lambda service=service: service.health("redis") == "SERVING")  # type: ignore[misc]
        listing = ListChallengesRequest(user_id="player")
        before = challenges.challenges.ListChallenges(listing)
        for break_it in (proxy.freeze, lambda: proxy.refuse(True), proxy.cut):
            break_it()
            for service in services:
                wait_until(lambda service=service: service.health("redis") == "NOT_SERVING")  # type: ignore[misc]
                assert service.health() == "SERVING"
            started = unstalled_s()
            assert challenges.challenges.ListChallenges(listing) == before
            assert unstalled_s() - started < REDIS_MAY_COST_S * BUSY_FACTOR
        assert report_now(events) == VERDICT_APPLIED
        proxy.refuse(False)
        proxy.thaw()
        for service in services:
            wait_until(lambda service=service: service.health("redis") == "SERVING")  # type: ignore[misc]


@pytest.mark.parametrize("module", EITHER_SERVICE)
def test_a_service_starts_without_database_and_redis_and_waits_for_them(module: str) -> None:
    nowhere = "postgresql://nobody@127.0.0.1:1/nothing"
    with ServiceProcess(module, nowhere, REDIS_URL="redis://127.0.0.1:1/0") as service:
        wait_until(lambda: service.health() == "NOT_SERVING")
        assert service.stop() == 0
