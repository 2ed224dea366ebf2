"""`python -m attack.callers`: ordinary callers with a fixed rate, as a process of their own.

They use gRPC's own client with the shipped retry policy, on a few channels, and append a line of JSON per call to a
file: the method, the instant it was due in monotonic seconds, its latency in milliseconds from that instant, and its
status.
"""

from __future__ import annotations

import argparse
import itertools
import json
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TextIO

import grpc
from challenge.v1 import challenge_service_pb2 as rpc
from challenge.v1 import event_service_pb2 as event_rpc
from challenge.v1 import leaderboard_service_pb2 as leaderboard_rpc
from challenge.v1.challenge_service_pb2_grpc import ChallengeServiceStub
from challenge.v1.event_service_pb2_grpc import EventServiceStub
from challenge.v1.leaderboard_service_pb2_grpc import LeaderboardServiceStub
from grpc_health.v1.health_pb2 import HealthCheckRequest

from bench.services import ROOT
from devstack.health import health_check

RATE = 50.0
CHANNELS = 4
THREADS = 64
DEADLINE_S = 5.0
PLAYERS = 200
RETRY_POLICY = (ROOT / "deploy" / "service_config.json").read_text(encoding="utf-8")
OPTIONS = [
    ("grpc.service_config", RETRY_POLICY),
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.enable_http_proxy", 0),
]

Call = Callable[[int], object]
"""Makes the call with this number."""


def main() -> None:
    """Call until the process is ended."""
    parser = argparse.ArgumentParser(prog="python -m attack.callers", description=__doc__)
    parser.add_argument("challenge_port", type=int)
    parser.add_argument("event_port", type=int)
    parser.add_argument("file", type=Path)
    parser.add_argument("--leaderboard", help="read this leaderboard, too")
    arguments = parser.parse_args()
    callers = [_calls(arguments.challenge_port, arguments.event_port, arguments.leaderboard) for _ in range(CHANNELS)]
    started = time.monotonic()
    with arguments.file.open("a", encoding="utf-8", buffering=1) as file, ThreadPoolExecutor(THREADS) as pool:
        for number in itertools.count():
            due = started + number / RATE
            time.sleep(max(0.0, due - time.monotonic()))
            calls = callers[number // len(callers[0]) % CHANNELS]
            name, call = calls[number % len(calls)]
            pool.submit(_record, file, name, call, number, due)


def _record(file: TextIO, name: str, call: Call, number: int, due: float) -> None:
    try:
        call(number)
        status = "OK"
    except grpc.RpcError as error:
        status = f"{error.code().name}: {error.details()}"
    latency_ms = 1e3 * (time.monotonic() - due)
    file.write(json.dumps({"method": name, "due": due, "latency_ms": latency_ms, "status": status}) + "\n")


def _calls(challenge_port: int, event_port: int, leaderboard: str | None) -> list[tuple[str, Call]]:
    """Return the calls of one caller, each on channels of its own."""
    challenge_channel, event_channel = (
        grpc.insecure_channel(f"127.0.0.1:{port}", options=OPTIONS) for port in (challenge_port, event_port)
    )
    challenges, events = ChallengeServiceStub(challenge_channel), EventServiceStub(event_channel)
    leaderboards = LeaderboardServiceStub(challenge_channel)

    def list_challenges(number: int) -> object:
        request = rpc.ListChallengesRequest(user_id=_player(number), active_only=True)
        return challenges.ListChallenges(request, timeout=DEADLINE_S)

    def initialize(number: int) -> object:
        return challenges.InitializePlayer(rpc.InitializePlayerRequest(user_id=_player(number)), timeout=DEADLINE_S)

    def report(number: int) -> object:
        return events.ReportEvent(event_rpc.ReportEventRequest(event=_login(number)), timeout=DEADLINE_S)

    def stream(number: int) -> object:
        requests = [event_rpc.StreamEventsRequest(events=[_login(number)])]
        return list(events.StreamEvents(iter(requests), timeout=DEADLINE_S))

    def read_leaderboard(_number: int) -> object:
        request = leaderboard_rpc.ListLeaderboardRequest(leaderboard_id=leaderboard or "", page_size=10)
        return leaderboards.ListLeaderboard(request, timeout=DEADLINE_S)

    return [
        ("ListChallenges", list_challenges),
        ("ReportEvent", report),
        ("Check of challenge_service", _check(challenge_channel)),
        ("InitializePlayer", initialize),
        ("StreamEvents", stream),
        ("Check of event_handler", _check(event_channel)),
        *([("ListLeaderboard", read_leaderboard)] if leaderboard else []),
    ]


def _check(channel: grpc.Channel) -> Call:
    check = health_check(channel)
    return lambda _number: check(HealthCheckRequest(), timeout=DEADLINE_S)


def _login(number: int) -> event_rpc.Event:
    event = event_rpc.Event(event_id=str(uuid.uuid4()), user_id=_player(number), logged_in=event_rpc.LoggedIn())
    event.event_time.GetCurrentTime()
    return event


def _player(number: int) -> str:
    return f"ordinary player {number % PLAYERS}"


if __name__ == "__main__":
    main()
