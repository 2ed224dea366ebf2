"""Alerts of slowness and of background work: each fault is caused on running services."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import grpc
import psycopg
import pytest
from challenge.v1.challenge_service_pb2 import ListChallengesRequest
from challenge.v1.event_service_pb2 import ReportEventRequest

from shared.runtime.clock import system_clock
from tests.deploy.live import SHOWN_S, Stack, stack
from tests.runtime.processes import metrics_at, samples
from tests.support.event_messages import stat
from tests.support.promtool import Snapshot, needs_promtool, require_firing, snapshot
from tests.support.proxy import proxy_to
from tests.support.service_process import WrongClockProcess
from tests.support.waiting import wait_until

pytestmark = [needs_promtool, pytest.mark.slow]

CALLERS = 8
CALLS = 60
"""Within five minutes more than one in ten seconds."""
CALL_S = 30.0
CHECKED_S = 240.0
"""Rankings are compared once a minute."""


def report(running: Stack, event_id: str) -> None:
    event = stat("match_score", delta=1, value=7, event_id=event_id, at=system_clock())
    running.services["event_handler"].events.ReportEvent(ReportEventRequest(event=event), timeout=CALL_S)


@contextmanager
def locked(database_url: str, table: str) -> Iterator[None]:
    """Let nothing read or write a table."""
    with psycopg.connect(database_url) as holder:
        holder.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE".encode())
        yield
        holder.rollback()


def test_events_that_wait_and_are_acknowledged_late(database_url: str, tmp_path: Path) -> None:
    with stack(database_url, tmp_path) as running, ThreadPoolExecutor(CALLERS) as callers:
        report(running, "first")
        before = running.snapshot()
        with locked(database_url, "tally"):
            calls = [callers.submit(report, running, str(number)) for number in range(CALLERS)]
            running.wait_for("event_handler", "oldest_event_wait_seconds", above=1.0)
            require_firing({"EventsWait"}, [running.snapshot()], 4, tmp_path)
        for call in calls:
            call.result()
        require_firing({"AcknowledgementsAreLate"}, [before, running.snapshot()], 4, tmp_path)


def test_a_service_without_room_for_more_calls(database_url: str, tmp_path: Path) -> None:
    def outcome(_: int) -> grpc.StatusCode:
        try:
            challenges.ListChallenges(ListChallengesRequest(user_id="player"), timeout=CALL_S)
        except grpc.RpcError as error:
            return error.code()
        return grpc.StatusCode.OK

    with stack(database_url, tmp_path, CHALLENGE_THREADS="1") as running, ThreadPoolExecutor(CALLERS) as callers:
        challenges = running.services["challenge_service"].challenges
        outcome(0)
        snapshots: list[Snapshot] = []
        for _ in range(3):
            with locked(database_url, "tally"):
                codes = Counter(callers.map(outcome, range(CALLS)))
            assert codes[grpc.StatusCode.RESOURCE_EXHAUSTED] > CALLS // 2 + 1
            snapshots.append(running.snapshot())
        # Refusals are faults of the service, too.
        require_firing({"Overloaded", "CallsFail"}, snapshots, 2, tmp_path)


def failed_passes(running: Stack, duty: str) -> float:
    return samples(running.page("event_handler"), "duty_passes_total").get(f'{{duty="{duty}",outcome="failed"}}', 0)


def test_a_duty_that_only_fails(database_url: str, tmp_path: Path) -> None:
    with stack(database_url, tmp_path) as running, psycopg.connect(database_url, autocommit=True) as owner:
        # Its statement is refused from now on.
        owner.execute("ALTER TABLE leaderboard_journal RENAME COLUMN entry_id TO renamed")
        owner.execute("ALTER TABLE leaderboard_journal RENAME TO leaderboard_renamed")
        wait_until(lambda: failed_passes(running, "sync leaderboards") >= 1, SHOWN_S)
        first = running.snapshot()
        seen = failed_passes(running, "sync leaderboards")
        wait_until(lambda: failed_passes(running, "sync leaderboards") > seen, SHOWN_S)
        require_firing({"DutyFails"}, [first, running.snapshot()], 16, tmp_path)


def test_scores_that_redis_does_not_get(database_url: str, redis_url: str, tmp_path: Path) -> None:
    ahead = tmp_path / "ahead"
    ahead.write_text("0")
    with (
        stack(database_url, tmp_path) as running,
        proxy_to(redis_url) as (proxy, url),
        WrongClockProcess(ahead, "challenge_service", database_url, REDIS_URL=url) as cached,
    ):
        port = cached.wait_for("started")["metrics_port"]

        def value(metric: str, labels: str = "") -> float:
            return samples(metrics_at(port), metric).get(labels, 0.0)

        cached.wait_until_serving()
        proxy.refuse(True)
        proxy.cut()
        wait_until(lambda: value("cache_problem", '{reason="unavailable"}') > 0, SHOWN_S)
        report(running, "unknown to Redis")
        wait_until(lambda: value("leaderboard_lag_seconds") > 5, SHOWN_S)
        # The minutes that it would take otherwise.
        ahead.write_text("400")
        wait_until(lambda: value("health_problem", '{name="clock"}') > 0, SHOWN_S)
        pages = {name: running.page(name) for name in running.services} | {"cached": metrics_at(port)}
        require_firing({"LeaderboardsAreBehind", "RedisAway", "ClocksDiffer"}, [snapshot(pages)], 12, tmp_path)


def test_scores_that_were_changed_past_the_services(database_url: str, redis_url: str, tmp_path: Path) -> None:
    with (
        stack(database_url, tmp_path, REDIS_URL=redis_url) as running,
        psycopg.connect(database_url, autocommit=True) as other,
    ):
        report(running, "first")
        wait_until(lambda: samples(running.page("challenge_service"), "leaderboard_compared")[""] > 0, CHECKED_S)
        other.execute("UPDATE tally SET highest = highest + 1, events = events + 1 WHERE stat_code = 'match_score'")
        wait_until(lambda: samples(running.page("challenge_service"), "leaderboard_differences")[""] > 0, CHECKED_S)
        require_firing({"LeaderboardsDiffer"}, [running.snapshot()], 4, tmp_path)


def test_log_lines_that_no_one_reads(database_url: str, tmp_path: Path) -> None:
    with stack(database_url, tmp_path) as running, unread() as port:

        def dropped() -> float:
            return max(samples(metrics_at(port), "log_lines_dropped_total").values(), default=0.0)

        def pages() -> Snapshot:
            return snapshot({name: running.page(name) for name in running.services} | {"unread": metrics_at(port)})

        wait_until(lambda: dropped() > 0, SHOWN_S)
        before, seen = pages(), dropped()
        wait_until(lambda: dropped() > seen, SHOWN_S)
        require_firing({"LogLinesDropped"}, [before, pages()], 4, tmp_path)


@contextmanager
def unread() -> Iterator[int]:
    """Run a service that logs continuously, whose log is read until it has started; yield the port of its metrics."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.runtime.tiny_service"],
        env={**os.environ, "TINY_MISHAP": "chatty"},
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stderr is not None
    with process.stderr:
        try:
            while (line := json.loads(process.stderr.readline()))["message"] != "started":
                pass
            yield int(line["metrics_port"])
        finally:
            process.kill()
            process.wait()
