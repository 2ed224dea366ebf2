"""Each fault makes its alert fire: caused on running services, whose metrics are fed to the rules.

Most are slow, because each starts services of its own: 2 s of CPU.
"""

from __future__ import annotations

import os
import signal
from datetime import timedelta
from pathlib import Path

import grpc
import psycopg
import pytest
from challenge.v1.challenge_service_pb2 import ListChallengesRequest

from shared.runtime.clock import system_clock
from tests.deploy.live import SHOWN_S, Stack, stack
from tests.runtime.processes import metrics_at, samples
from tests.support.certificates import Authority
from tests.support.databases import opened
from tests.support.promtool import needs_promtool, require_firing, snapshot
from tests.support.proxy import proxy_to
from tests.support.rewards import store_claim
from tests.support.service_process import ServiceProcess, WrongClockProcess
from tests.support.waiting import wait_until

pytestmark = needs_promtool

CALLS = 20
CLAIMS = 12
"""More than the failures in a row that open the breaker."""


def list_often(running: Stack) -> None:
    for _ in range(CALLS):
        try:
            running.services["challenge_service"].challenges.ListChallenges(
                ListChallengesRequest(user_id="player"), timeout=60
            )
        except grpc.RpcError:
            continue


def test_nothing_fires_while_all_is_well(database_url: str, tmp_path: Path) -> None:
    with stack(database_url, tmp_path) as running:
        list_often(running)
        running.wait_for("event_handler", "duty_passes_total", '{duty="keep ledger partitions",outcome="done"}')
        before = running.snapshot()
        list_often(running)
        require_firing(set(), [before, running.snapshot()], 60, tmp_path)


def test_a_database_that_is_away(database_url: str, tmp_path: Path) -> None:
    with proxy_to(database_url) as (proxy, url), stack(url, tmp_path) as running:
        list_often(running)
        proxy.refuse(True)
        proxy.cut()
        for name in running.services:
            running.wait_for(name, "health_problem", '{name="database"}')
        list_often(running)
        first = running.snapshot()
        list_often(running)
        require_firing({"DatabaseAway", "CallsFail"}, [first, running.snapshot()], 4, tmp_path)


@pytest.mark.slow
def test_a_provider_that_fails_and_its_growing_queue(database_url: str, tmp_path: Path) -> None:
    settings = {
        "REWARD_WALLET_PROVIDER": "webhook",
        "REWARD_WEBHOOK_URL": "http://127.0.0.1:1/grants",
        "REWARD_WEBHOOK_SECRET": "a secret that both sides know",
    }
    with stack(database_url, tmp_path, **settings) as running, opened(database_url) as database:
        for number in range(CLAIMS):
            store_claim(database, f"player {number}", system_clock())
        with psycopg.connect(database_url, autocommit=True) as connection:
            connection.execute("UPDATE reward_outbox SET provider = 'webhook', due_time = now() - interval '1 hour'")
        running.wait_for("challenge_service", "reward_breaker_open", '{provider="webhook"}')
        require_firing({"ProviderFails"}, [running.snapshot()], 7, tmp_path)

        with psycopg.connect(database_url, autocommit=True) as connection:
            connection.execute("UPDATE reward_outbox SET due_time = now() - interval '1 hour' WHERE state = 'PENDING'")
        running.wait_for("challenge_service", "reward_oldest_due_seconds", '{provider="webhook"}', above=3_000)
        require_firing({"ProviderFails", "RewardsWait"}, [running.snapshot()], 7, tmp_path)


@pytest.mark.slow
def test_events_in_the_default_partition(database_url: str, tmp_path: Path) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO event_seen (event_day, user_id, event_hash) "
            "VALUES ('2001-01-01', 'player', decode(repeat('00', 16), 'hex'))"
        )
    with stack(database_url, tmp_path) as running:
        running.wait_for("event_handler", "ledger_days_without_partition")
        require_firing({"DefaultPartition"}, [running.snapshot()], 32, tmp_path)


@pytest.mark.slow
def test_a_catalogue_that_is_refused(database_url: str, tmp_path: Path) -> None:
    with stack(database_url, tmp_path) as running:
        running.catalogue.write_text("challenges: [")
        for name in running.services:
            running.wait_for(name, "catalogue_refused")
        require_firing({"CatalogueRefused"}, [running.snapshot()], 4, tmp_path)


@pytest.mark.slow
def test_grants_that_are_out_of_attempts(database_url: str, tmp_path: Path) -> None:
    settings = {
        "REWARD_WALLET_PROVIDER": "webhook",
        "REWARD_WEBHOOK_URL": "http://127.0.0.1:1/grants",
        "REWARD_WEBHOOK_SECRET": "a secret that both sides know",
        "REWARD_ATTEMPTS_MAX": "1",
    }
    with stack(database_url, tmp_path, **settings) as running, opened(database_url) as database:
        before = running.snapshot()
        store_claim(database, "player", system_clock())
        with psycopg.connect(database_url, autocommit=True) as connection:
            connection.execute("UPDATE reward_outbox SET provider = 'webhook'")
        wait_until(lambda: samples(running.page("challenge_service"), "grants_total"), SHOWN_S)
        require_firing({"GrantsDie"}, [before, running.snapshot()], 4, tmp_path)


@pytest.mark.slow
def test_a_file_of_callers_that_is_refused(database_url: str, tmp_path: Path) -> None:
    callers = tmp_path / "callers.toml"
    callers.write_text("")
    with stack(database_url, tmp_path, CALLERS=str(callers)) as running:
        callers.write_text("keys = [")
        for name in running.services:
            running.wait_for(name, "callers_file_refused")
        require_firing({"FilesRefused"}, [running.snapshot()], 7, tmp_path)


@pytest.mark.slow
def test_a_redis_that_is_away(database_url: str, redis_url: str, tmp_path: Path) -> None:
    with proxy_to(redis_url) as (proxy, url), stack(database_url, tmp_path, REDIS_URL=url) as running:
        proxy.refuse(True)
        proxy.cut()
        for name in running.services:
            running.wait_for(name, "cache_problem", '{reason="unavailable"}')
        require_firing({"RedisAway"}, [running.snapshot()], 12, tmp_path)


@pytest.mark.slow
def test_callers_who_can_set_the_time(database_url: str, tmp_path: Path) -> None:
    with stack(database_url, tmp_path, DEVELOPMENT_CLOCK="true") as running:
        require_firing({"DevelopmentClockIsOn"}, [running.snapshot()], 1, tmp_path)


@pytest.mark.slow
def test_a_clock_that_is_wrong(database_url: str, tmp_path: Path) -> None:
    with (
        stack(database_url, tmp_path) as running,
        WrongClockProcess(60, "event_handler", database_url) as wrong,
    ):
        port = wrong.wait_for("started")["metrics_port"]
        wait_until(lambda: samples(metrics_at(port), "health_problem").get('{name="clock"}'), SHOWN_S)
        pages = {name: running.page(name) for name in running.services} | {"wrong": metrics_at(port)}
        require_firing({"ClocksDiffer"}, [snapshot(pages)], 4, tmp_path)


@pytest.mark.slow
def test_a_service_that_is_gone_and_workers_that_die(database_url: str, tmp_path: Path) -> None:
    with (
        stack(database_url, tmp_path) as running,
        ServiceProcess("event_handler", database_url, "--workers", "2") as parent,
    ):
        port = parent.wait_for("started workers")["metrics_port"]

        def pages() -> dict[str, str]:
            return {"challenge_service": running.page("challenge_service"), "workers": metrics_at(port)}

        wait_until(lambda: sum(samples(metrics_at(port), "worker_up").values()) == 2, SHOWN_S)
        before = snapshot(pages())
        for deaths in (1, 2, 3):
            os.kill(parent.wait_for("started", deaths)["pid"], signal.SIGKILL)
            wait_until(lambda: sum(samples(metrics_at(port), "worker_restarts_total").values()) == deaths, SHOWN_S)  # noqa: B023
            wait_until(lambda: sum(samples(metrics_at(port), "worker_up").values()) == 2, SHOWN_S)
        after = snapshot(pages())
        require_firing({"WorkersDie"}, [before, after], 4, tmp_path)
        alone = snapshot({"challenge_service": after.pages["challenge_service"]})
        require_firing({"ServiceAbsent"}, [alone], 4, tmp_path)


@pytest.mark.parametrize(("days", "fires"), [(1, {"CertificateExpires"}), (90, set[str]())])
def test_a_certificate_near_its_end(database_url: str, tmp_path: Path, days: int, fires: set[str]) -> None:
    files = Authority(tmp_path).files(expires_in=timedelta(days=days))
    settings = {"TLS_CERTIFICATE": str(files.certificate), "TLS_PRIVATE_KEY": str(files.private_key)}
    with (
        stack(database_url, tmp_path) as running,
        ServiceProcess("event_handler", database_url, **settings) as secure,
    ):
        port = secure.wait_for("started")["metrics_port"]
        wait_until(lambda: samples(metrics_at(port), "health_problem").get('{name="catalogue"}') == 0, SHOWN_S)
        pages = {name: running.page(name) for name in running.services} | {"secure": metrics_at(port)}
        require_firing(fires, [snapshot(pages)], 4, tmp_path)


@pytest.mark.slow
def test_grants_that_are_not_moved(database_url: str, tmp_path: Path) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("UPDATE grant_history SET begin_time = now() - interval '1 year'")
        connection.execute(
            "INSERT INTO reward_outbox (user_id, goal_id, period_start, occurrence, claim_number, grant_id, state,"
            " provider, reward_type, reward_id, quantity, priority, attempts, lease_token, due_time, create_time,"
            " settle_time)"
            " SELECT 'player', 'goal', 'epoch', 1, 1, gen_random_uuid(), 'GRANTED', 'none', 'ITEM', 'sword', 1, 5, 1,"
            " 2, settled, settled, settled FROM (SELECT now() - interval '9 days') AS grants (settled)"
        )
        # A process that hangs moves grants.
        connection.execute("SELECT pg_advisory_lock(1667785068, 9)")
        with stack(database_url, tmp_path) as running:
            running.wait_for("event_handler", "grant_moves_behind_seconds", "", above=24 * 3_600)
            require_firing({"GrantsNotMoved"}, [running.snapshot()], 65, tmp_path)


@pytest.mark.slow
def test_a_duty_that_does_not_finish(database_url: str, tmp_path: Path) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:
        # A process that hangs has it.
        connection.execute(
            "INSERT INTO player_sweep (duty, version, owner, step_time, begin_time, visited, unpublished, finish_time)"
            " VALUES ('count challenges', '', 'another', now() + interval '1 day', now(), 0, false,"
            " now() - interval '7 hours')"
        )
    with stack(database_url, tmp_path) as running:
        running.wait_for("challenge_service", "duty_unfinished_seconds", '{duty="count challenges"}', above=6 * 3_600)
        require_firing({"DutyUnfinished"}, [running.snapshot()], 20, tmp_path)
