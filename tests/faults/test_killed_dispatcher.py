"""The dispatcher is killed again and again, and the game's own books say what reached its players."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import grpc
import pytest
from challenge.reward.v1 import reward_provider_pb2 as rpc
from challenge.reward.v1.reward_provider_pb2_grpc import (
    RewardProviderServiceServicer,
    add_RewardProviderServiceServicer_to_server,
)

from shared.domain.claims import ClaimState
from shared.runtime.clock import system_clock
from tests.databases import connected, opened
from tests.rewards import outbox, states, store_claim
from tests.waiting import wait_until

CLAIMS, KILLS = 200, 3
CLAIMS_SLOW, KILLS_SLOW = 3_000, 100
TERMINAL_S = 30.0


class Books(RewardProviderServiceServicer):
    """A game that is slow, fails, and gives rewards without saying so."""

    def __init__(self, chance: random.Random) -> None:
        self.given: dict[str, int] = {}
        """What reached players, by grant id."""
        self.asked: Counter[str] = Counter()
        self._chance = chance
        self._lock = threading.Lock()

    def Grant(self, request: rpc.GrantRequest, context: grpc.ServicerContext) -> rpc.GrantResponse:  # noqa: N802
        with self._lock:
            self.asked[request.grant_id] += 1
            mood = self._chance.random()
            if mood > 0.03:
                self.given.setdefault(request.grant_id, request.reward.quantity)
        time.sleep(0.005)  # a game takes its time
        if mood < 0.06:
            # Half of these have the reward all the same.
            context.abort(grpc.StatusCode.UNAVAILABLE, "a bad moment")
        return rpc.GrantResponse(granted=rpc.Granted())

    def GetGrant(  # noqa: N802
        self,
        request: rpc.GetGrantRequest,
        context: grpc.ServicerContext,  # noqa: ARG002 - the contract's
    ) -> rpc.GetGrantResponse:
        with self._lock:
            given = request.grant_id in self.given
        return rpc.GetGrantResponse(granted=rpc.Granted()) if given else rpc.GetGrantResponse()


@pytest.fixture
def books() -> Books:
    return Books(random.Random(23))


@pytest.fixture
def target(books: Books) -> Iterator[str]:
    with ThreadPoolExecutor(16) as pool:
        server = grpc.server(pool)
        add_RewardProviderServiceServicer_to_server(books, server)
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        yield f"127.0.0.1:{port}"
        server.stop(None).wait()


@contextmanager
def dispatcher(database_url: str, target: str) -> Iterator[subprocess.Popen[bytes]]:
    """The real process; it is killed at the end."""
    environ = {
        **os.environ,
        "DATABASE_URL": database_url,
        "REWARD_GRPC_TARGET": target,
        "REWARD_TIMEOUT_S": "0.5",
        "DISPATCHER_PORT": "0",
        "DISPATCHER_METRICS_PORT": "0",
    }
    command = [sys.executable, "-m", "reward_dispatcher"]
    process = subprocess.Popen(command, env=environ, stderr=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize(
    ("claims", "kills"), [(CLAIMS, KILLS), pytest.param(CLAIMS_SLOW, KILLS_SLOW, marks=pytest.mark.slow)]
)
def test_every_claim_is_granted_once_however_often_the_dispatcher_is_killed(
    database_url: str, books: Books, target: str, claims: int, kills: int
) -> None:
    chance = random.Random(claims)
    grant_ids = set()
    with opened(database_url) as database:
        for number in range(claims):
            grant_ids.add(store_claim(database, f"player {number}", system_clock()).grant_id)
    with connected(database_url) as connection:
        connection.execute("UPDATE reward_outbox SET provider = 'grpc'")
    for _ in range(kills):
        asked = books.asked.total()
        with dispatcher(database_url, target):
            goal = min(asked + chance.randint(1, max(2, claims // kills)), claims)
            wait_until(lambda goal=goal: books.asked.total() >= goal or _settled(database_url), 60)  # type: ignore[misc]
    with dispatcher(database_url, target):
        started = time.monotonic()
        wait_until(lambda: _settled(database_url), 60)
        assert time.monotonic() - started < TERMINAL_S
    assert states(database_url) == {ClaimState.GRANTED}
    assert len(outbox(database_url)) == claims
    assert set(books.given) == grant_ids
    assert books.asked.total() > claims, "nothing was ever sent twice: the test shows nothing"


def _settled(database_url: str) -> bool:
    return states(database_url) == {ClaimState.GRANTED}
