"""Workers are restarted one after the other under load: callers with the shipped retry policy see no failed call."""

from __future__ import annotations

import itertools
import json
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import grpc
import pytest
from challenge.v1 import challenge_service_pb2 as rpc
from challenge.v1 import event_service_pb2 as event_rpc
from challenge.v1 import leaderboard_service_pb2 as leaderboard_rpc
from challenge.v1 import statistics_service_pb2 as statistics_rpc
from challenge.v1.challenge_service_pb2_grpc import ChallengeServiceStub
from challenge.v1.event_service_pb2_grpc import EventServiceStub

from devstack.ports import LOOPBACK
from tests.support.event_messages import login, stat
from tests.support.service_process import PREFIXES, PROJECT, ServiceProcess, serving
from tests.support.services import rows
from tests.support.waiting import wait_until

SERVICE_CONFIG = (PROJECT / "deploy" / "service_config.json").read_text("utf-8")
WORKERS = 2
CALLERS = 10
"""Callers with a connection each: the chance that the kernel gives all to one of two workers is 1 in 512."""
CALL_TIMEOUT_S = 10.0

CALLS_PER_S = 500
SIGNALS = (signal.SIGTERM, signal.SIGTERM, signal.SIGKILL, signal.SIGKILL)
"""The signals that end each worker in turn."""

Calls = Iterator[Callable[[], object]]
"""The calls of a caller, one after the other."""


def challenge_calls(channel: grpc.Channel, user_id: str) -> Calls:
    """Yield a player's calls of the challenge service without end."""
    stub = ChallengeServiceStub(channel)
    initialize = rpc.InitializePlayerRequest(user_id=user_id)
    listing = rpc.ListChallengesRequest(user_id=user_id)
    looking = rpc.GetChallengeRequest(user_id=user_id, challenge_id="combat")
    for number in itertools.count():
        yield lambda: stub.InitializePlayer(initialize, timeout=CALL_TIMEOUT_S)
        yield lambda: stub.ListChallenges(listing, timeout=CALL_TIMEOUT_S)
        yield lambda: stub.GetChallenge(looking, timeout=CALL_TIMEOUT_S)
        switching = rpc.SetGoalActiveRequest(
            user_id=user_id, challenge_id="combat", goal_id="win-10-matches", active=number % 2 == 0
        )
        yield lambda: stub.SetGoalActive(switching, timeout=CALL_TIMEOUT_S)  # noqa: B023 - called before the next


def event_calls(channel: grpc.Channel, user_id: str) -> Calls:
    """Yield a game's reports of a player, an event with each call."""
    stub = EventServiceStub(channel)
    while True:
        now = time.time_ns() // 1_000
        one = event_rpc.ReportEventRequest(event=login(user_id, at=now))
        several = event_rpc.ReportEventsRequest(events=[stat("matches_won", user_id, delta=1, at=now)])
        yield lambda: stub.ReportEvent(one, timeout=CALL_TIMEOUT_S)  # noqa: B023 - called before the next
        yield lambda: stub.ReportEvents(several, timeout=CALL_TIMEOUT_S)  # noqa: B023


@contextmanager
def called(port: int, calls_per_s: int, calls_of: Callable[[grpc.Channel, str], Calls]) -> Iterator[list[int]]:
    """Call steadily while the block runs. After it, the list has the number of calls of each caller.

    The first call that fails for a caller fails the test.
    """
    over = threading.Event()
    # A connection for each caller, and defaults otherwise.
    options = [("grpc.use_local_subchannel_pool", 1), ("grpc.service_config", SERVICE_CONFIG)]
    made: list[int] = []

    def call(number: int) -> int:
        with grpc.insecure_channel(f"{LOOPBACK}:{port}", options=options) as channel:
            calls = calls_of(channel, f"player {number}")
            for count in itertools.count():
                if over.wait(CALLERS / calls_per_s):
                    return count
                next(calls)()
        raise AssertionError("calls do not end by themselves")

    with ThreadPoolExecutor(CALLERS) as callers:
        calling = [callers.submit(call, number) for number in range(CALLERS)]
        try:
            yield made
        finally:
            over.set()
        made += [each.result() for each in calling]


def restart(service: ServiceProcess, worker: int, number: signal.Signals) -> None:
    """End a worker by a signal, and wait until its replacement serves."""
    before = len(service.logged("started"))
    pid = [line["pid"] for line in service.logged("started") if line["worker"] == worker][-1]
    os.kill(pid, number)
    wait_until(lambda: len(service.logged("started")) > before)


@pytest.mark.slow
@pytest.mark.parametrize("module", PREFIXES)
def test_a_rolling_restart_and_killed_workers_fail_no_call(module: str, database_url: str) -> None:
    calls_of = event_calls if module == "event_handler" else challenge_calls
    with serving(module, database_url, "--workers", str(WORKERS)) as service:
        service.wait_for("started", count=WORKERS)
        with called(service.port, CALLS_PER_S, calls_of) as made:
            for number in SIGNALS:
                for worker in range(WORKERS):
                    restart(service, worker, number)
    assert min(made) > 0
    if module == "event_handler":
        assert rows(database_url, "SELECT sum(events)::int FROM tally WHERE schedule = 'lifetime'") == [(sum(made),)], (
            "each counts once"
        )


def test_the_retry_policy_covers_only_methods_that_can_be_repeated() -> None:
    config = json.loads(SERVICE_CONFIG)
    named = {(name["service"], name["method"]) for entry in config["methodConfig"] for name in entry["name"]}
    services = [
        rpc.DESCRIPTOR.services_by_name["ChallengeService"],
        statistics_rpc.DESCRIPTOR.services_by_name["StatisticsService"],
        leaderboard_rpc.DESCRIPTOR.services_by_name["LeaderboardService"],
        event_rpc.DESCRIPTOR.services_by_name["EventService"],
    ]
    methods = {(service.full_name, method.name) for service in services for method in service.methods}
    # Claims, draws and rerolls can be repeated only with a request id, and a stream's caller resends unacknowledged
    # events itself.
    assert methods - named == {
        ("challenge.v1.ChallengeService", "ClaimReward"),
        ("challenge.v1.ChallengeService", "RerollGoal"),
        ("challenge.v1.ChallengeService", "SelectRandomGoals"),
        ("challenge.v1.EventService", "StreamEvents"),
    }
    assert named <= methods
