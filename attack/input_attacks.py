"""Attacks by what the services read: webhook responses, events, catalogues and Redis replies (kinds F to I)."""

from __future__ import annotations

import json
import os
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import grpc
from challenge.v1 import challenge_service_pb2 as rpc
from challenge.v1 import event_service_pb2 as event_rpc
from challenge.v1.challenge_service_pb2_grpc import ChallengeServiceStub
from challenge.v1.event_service_pb2_grpc import EventServiceStub

from attack.endpoints import BadWebhook, TricklingProxy
from attack.stack import Attack, Observed, Services, comes_true, in_threads, login_event
from devstack.ports import LOOPBACK

REPORT_EVENTS = "challenge.v1.EventService/ReportEvents"
PAUSE_S = 0.05
CALL_S = 1.0
CLAIMS = 64
EMPTY_EVENTS_BYTES = 4 * 2**20 - 1_024
"""Just below gRPC's default limit."""
JUNK_S = 5.0
"""Time in seconds for which each junk file stays: the services load a file that has been unchanged for 2 s."""
RELOADED = "Arena after the attack"
RELOAD_S = 15.0


def bad_webhook(webhook: BadWebhook) -> Attack:
    """Return an attack that claims rewards which a webhook with endless responses delivers."""

    @contextmanager
    def attack(services: Services, observed: Observed) -> Iterator[None]:
        used, started = services.challenge.cpu_s, time.monotonic()
        with ThreadPoolExecutor(1) as pool:
            claims = pool.submit(_claim_rewards, services)
            try:
                yield
            finally:
                webhook.misbehaves = False
            cores = (services.challenge.cpu_s - used) / (time.monotonic() - started)
            claims.result()
        observed.bound("longest exchange with the webhook in seconds", webhook.longest_s, 10)
        observed.notes.append(f"exchanges with the webhook: {webhook.connections}")
        observed.bound("share of a core used by the challenge service in %", 100 * cores, 60)

    return attack


@contextmanager
def empty_events(services: Services, observed: Observed) -> Iterator[None]:
    """Report 4 MB of empty events, two calls at a time."""
    body = b"\x0a\x00" * (EMPTY_EVENTS_BYTES // 2)
    statuses = Counter[str]()
    before = services.event.memory_mib

    def call(stopping: threading.Event) -> None:
        with grpc.insecure_channel(f"{LOOPBACK}:{services.event.port}") as channel:
            report: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(f"/{REPORT_EVENTS}")
            while not stopping.wait(PAUSE_S):
                try:
                    report(body, timeout=5)
                except grpc.RpcError as error:
                    statuses[error.code().name] += 1

    with in_threads(call, call):
        yield
    observed.bound("growth of the event handler in MiB", services.event.memory_mib - before, 60)
    observed.notes.append(f"statuses of the attack's calls: {dict(statuses)}")


def junk_catalogue(path: Path) -> Attack:
    """Return an attack that replaces the catalogue file with junk of several kinds."""
    good = path.read_text(encoding="utf-8")
    wrong_keys = {"challenges": [{f"wrong {number}": number for number in range(40_000)}]}
    junk = [json.dumps(wrong_keys), "[" + "0," * 7_500_000 + "0]", "&a [*a, *a]", "\0" * 1_000_000, None]

    @contextmanager
    def attack(services: Services, observed: Observed) -> Iterator[None]:
        lines = sum(service.log.lines for service in services.both)

        def replace(stopping: threading.Event) -> None:
            while not stopping.is_set():
                for content in junk:
                    _replace(path, content)
                    if stopping.wait(JUNK_S):
                        return

        try:
            with in_threads(replace):
                yield
        finally:
            _replace(path, good.replace("name: Arena", f"name: {RELOADED}"))
        if not comes_true(lambda: _is_reloaded(services), RELOAD_S):
            observed.faults.append(f"a good catalogue is not in use {RELOAD_S:g} s after the attack")
        observed.bound("lines logged", sum(service.log.lines for service in services.both) - lines, 1_500)

    return attack


def trickling_redis(proxy: TricklingProxy) -> Attack:
    """Return an attack that delivers Redis' replies a byte at a time."""

    @contextmanager
    def attack(_services: Services, observed: Observed) -> Iterator[None]:
        proxy.trickle = True
        try:
            yield
        finally:
            proxy.trickle = False
        observed.notes.append(f"connections to Redis: {proxy.connections}")

    return attack


def _replace(path: Path, content: str | None) -> None:
    """Replace a file at once; None for a FIFO."""
    fresh = path.with_name("fresh")
    with suppress(FileNotFoundError):
        fresh.unlink()
    if content is None:
        os.mkfifo(fresh)
    else:
        fresh.write_text(content, encoding="utf-8")
    fresh.rename(path)


def _is_reloaded(services: Services) -> bool:
    """Return whether the challenge service uses the catalogue that was written last."""
    with grpc.insecure_channel(f"{LOOPBACK}:{services.challenge.port}") as channel:
        request = rpc.ListChallengesRequest(user_id="attacker")
        try:
            response = ChallengeServiceStub(channel).ListChallenges(request, timeout=CALL_S)
        except grpc.RpcError:
            return False
    return RELOADED in [challenge.name for challenge in response.challenges]


def _claim_rewards(services: Services) -> None:
    """Claim a reward of many new players."""
    with (
        grpc.insecure_channel(f"{LOOPBACK}:{services.challenge.port}") as challenge_channel,
        grpc.insecure_channel(f"{LOOPBACK}:{services.event.port}") as event_channel,
    ):
        challenges, events = ChallengeServiceStub(challenge_channel), EventServiceStub(event_channel)
        for _ in range(CLAIMS):
            login = login_event()
            claim = rpc.ClaimRewardRequest(user_id=login.user_id, challenge_id="daily-play", goal_id="first-login")
            # The first claims may already affect the following calls.
            with suppress(grpc.RpcError):
                challenges.InitializePlayer(rpc.InitializePlayerRequest(user_id=login.user_id), timeout=CALL_S)
                events.ReportEvent(event_rpc.ReportEventRequest(event=login), timeout=CALL_S)
                challenges.ClaimReward(claim, timeout=CALL_S)
