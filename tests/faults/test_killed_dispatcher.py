"""The dispatcher is killed repeatedly, and the game's own log shows which rewards reached its players."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from devstack.game.fault_plan import FaultPlan
from shared.domain.claims import ClaimState
from shared.runtime.clock import system_clock
from tests.support.busy_machine import BUSY_FACTOR
from tests.support.databases import connected, opened
from tests.support.game_servers import OpenGame, open_game
from tests.support.rewards import grants_in_outbox, states, store_claim
from tests.support.waiting import wait_until

CLAIMS, KILLS = 100, 2
CLAIMS_SLOW, KILLS_SLOW = 3_000, 100
TERMINAL_S = 30.0 * BUSY_FACTOR
FAULTS = FaultPlan(delay_s=0.005, errors=0.03, garbled_responses=0.03)
"""A slow game that fails now and then, and sometimes gives a reward without a readable response."""


@pytest.fixture
def game() -> Iterator[OpenGame]:
    with open_game(FAULTS) as running:
        yield running


@contextmanager
def dispatcher(database_url: str, target: str) -> Iterator[subprocess.Popen[bytes]]:
    """Yield the real process, which is killed at the end."""
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
    database_url: str, game: OpenGame, claims: int, kills: int
) -> None:
    chance = random.Random(claims)
    grant_ids = set()
    with opened(database_url) as database:
        for number in range(claims):
            grant_ids.add(store_claim(database, f"player {number}", system_clock()).grant_id)
    with connected(database_url) as connection:
        connection.execute("UPDATE reward_outbox SET provider = 'grpc'")
    for _ in range(kills):
        asked = len(game.game.attempts())
        with dispatcher(database_url, game.grpc_target):
            goal = min(asked + chance.randint(1, max(2, claims // kills)), claims)
            wait_until(lambda goal=goal: len(game.game.attempts()) >= goal or _settled(database_url), 60)  # type: ignore[misc]
    with dispatcher(database_url, game.grpc_target):
        wait_until(lambda: _settled(database_url), TERMINAL_S)
    assert states(database_url) == {ClaimState.GRANTED}
    assert len(grants_in_outbox(database_url)) == claims
    given = game.game.grant_log.given()
    attempts = len(game.game.attempts())
    print(f"\n{kills} kills: {claims} claims, {attempts} attempts, {len(given)} rewards in the game's log")  # noqa: T201
    assert sorted(gift.grant_id for gift in given) == sorted(grant_ids)
    assert attempts > claims, "no grant was sent twice, so the test proves nothing"


def _settled(database_url: str) -> bool:
    return states(database_url) == {ClaimState.GRANTED}
