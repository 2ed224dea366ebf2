"""The challenge service is killed at random points while rewards are claimed, and while it delivers them to a game."""

from __future__ import annotations

import os
import random
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import pytest
from challenge.v1.challenge_service_pb2 import ClaimRewardRequest
from challenge.v1.event_service_pb2 import ReportEventsRequest

from devstack.game.fault_plan import FaultPlan
from shared.domain.claims import ClaimState
from tests.catalogue.documents import loaded, write_json
from tests.support.busy_machine import BUSY_FACTOR
from tests.support.event_messages import stat
from tests.support.game_servers import OpenGame, open_game
from tests.support.rewards import states
from tests.support.sample_catalogue import assigned, challenge
from tests.support.service_process import ServiceProcess
from tests.support.services import ManualClock, event_service, rows
from tests.support.waiting import wait_until

KILLS = 2
KILLS_SLOW = int(os.environ.get("FAULT_KILLS", "20"))
"""`FAULT_KILLS=100` kills often enough to be sure; it takes three minutes."""
CLAIMS_PER_KILL = 100
CALLERS = 8
CALL_TIMEOUT_S = 5.0
TERMINAL_WITHIN_S = 30.0 * BUSY_FACTOR
"""Time limit of a claim, and of all deliveries after the last kill."""
DOCUMENT = {"challenges": [challenge("arena", assigned("win", target=1))]}


class Claims:
    """The claims of many players, each by one caller, and their responses."""

    def __init__(self, players: int, service: ServiceProcess) -> None:
        self._service = service
        self._players: Iterator[int] = iter(range(players))
        self._changed = threading.Condition()
        self.granted: dict[str, str] = {}
        """The grant of each player's claim."""
        self.found_claimed: set[str] = set()
        """Players without a request id whose first response was lost."""
        self.took_s: list[float] = []

    def claim_all(self) -> None:
        """Claim for one player after the other until none is left."""
        while (number := self._next()) is not None:
            player = f"player-{number}"
            request_id = f"request-{number}" if number % 2 else ""
            started = time.monotonic()
            grant_id = self._claim(player, request_id)
            with self._changed:
                self.took_s.append(time.monotonic() - started)
                if grant_id is None:
                    self.found_claimed.add(player)
                else:
                    self.granted[player] = grant_id
                self._changed.notify_all()

    def wait_for(self, count: int) -> None:
        """Wait until `count` claims have a response."""
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.took_s) >= count, TERMINAL_WITHIN_S)

    def _next(self) -> int | None:
        with self._changed:
            return next(self._players, None)

    def _claim(self, player: str, request_id: str) -> str | None:
        """Claim until the response is final; return the grant, or None if it is claimed already."""
        request = ClaimRewardRequest(user_id=player, challenge_id="arena", goal_id="win", request_id=request_id)
        attempts, started = 0, time.monotonic()
        while True:
            attempts += 1
            assert time.monotonic() < started + TERMINAL_WITHIN_S, f"{attempts} attempts, and no response"
            try:
                response = self._service.challenges.ClaimReward(request, timeout=CALL_TIMEOUT_S, wait_for_ready=True)
            except grpc.RpcError as error:
                claimed = error.code() is grpc.StatusCode.ALREADY_EXISTS
            else:
                return response.claim.grant_id
            if claimed:
                assert attempts > 1, "no other caller claims for this player"
                assert not request_id, "a repeated claim with its request id returns its grant"
                return None


@pytest.mark.parametrize("kills", [KILLS, pytest.param(KILLS_SLOW, marks=pytest.mark.slow)])
def test_every_claim_is_granted_once_and_gets_a_response(database_url: str, tmp_path: Path, kills: int) -> None:
    players = kills * CLAIMS_PER_KILL
    complete(database_url, players)
    chance = random.Random(kills)
    catalogue = str(write_json(tmp_path / "catalogue.json", DOCUMENT))
    with (
        open_game(FaultPlan(delay_s=0.02)) as opened,
        ServiceProcess("challenge_service", database_url, CATALOGUE=catalogue, **delivering_to(opened)) as service,
        ThreadPoolExecutor(CALLERS) as callers,
    ):
        service.wait_until_serving()
        claims = Claims(players, service)
        claiming = [callers.submit(claims.claim_all) for _ in range(CALLERS)]
        for kill in range(kills):
            claims.wait_for(kill * CLAIMS_PER_KILL + chance.randrange(CLAIMS_PER_KILL))
            service.kill()
            service.start()
        for each in claiming:
            each.result()
        wait_until(lambda: states(database_url) == {ClaimState.GRANTED}, TERMINAL_WITHIN_S)
        # The last start may not be complete: a signal before its handler is installed ends any process.
        service.wait_until_serving()
        assert service.stop() == 0
        given = opened.times_given()
        attempts = len(opened.game.attempts())

    grants = dict(rows(database_url, "SELECT user_id, grant_id::text FROM reward_outbox"))
    claimed = {who for (who,) in rows(database_url, "SELECT user_id FROM completion WHERE claim_time IS NOT NULL")}
    [(longest_s,)] = rows(
        database_url, "SELECT extract(epoch FROM max(settle_time - create_time))::float8 FROM reward_outbox"
    )
    print(  # noqa: T201
        f"\n{kills} kills: {players} claims, {len(claims.granted)} ended with their grant, "
        f"{len(claims.found_claimed)} found claimed; the longest took {max(claims.took_s):.1f} s; "
        f"{attempts} attempts to deliver, {given.total()} rewards in the game's log, "
        f"the last {longest_s:.1f} s after its claim"
    )
    assert rows(database_url, "SELECT count(*) FROM reward_outbox") == [(players,)]
    assert grants.keys() == claimed == claims.granted.keys() | claims.found_claimed
    assert claims.granted.items() <= grants.items()
    assert {gift.grant_id for gift in opened.game.grant_log.given()} == set(grants.values())
    assert set(given.values()) == {1}
    assert max(claims.took_s) < TERMINAL_WITHIN_S
    if BUSY_FACTOR <= 1:
        # On a busy machine the next kill comes before a service that has just started has delivered much.
        assert longest_s < TERMINAL_WITHIN_S


def delivering_to(opened: OpenGame) -> dict[str, str]:
    """Return the settings with which the service delivers to the game."""
    return {
        "REWARD_ITEM_PROVIDER": "grpc",
        "REWARD_WALLET_PROVIDER": "grpc",
        "REWARD_GRPC_TARGET": opened.grpc_target,
        "REWARD_TIMEOUT_S": "0.5",
    }


def complete(database_url: str, players: int) -> None:
    """Complete the goal for all players."""
    with event_service(database_url, loaded(DOCUMENT), clock=ManualClock()) as stub:
        for first in range(0, players, 1_000):
            wins = [stat("wins", f"player-{number}", delta=1) for number in range(first, min(first + 1_000, players))]
            stub.ReportEvents(ReportEventsRequest(events=wins))
