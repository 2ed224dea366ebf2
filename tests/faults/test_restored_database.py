"""An older dump is restored while services and Redis run: leaderboards show what the database holds, within seconds."""

from __future__ import annotations

import time
from pathlib import Path

import grpc
import pytest
from challenge.v1 import event_service_pb2 as event_rpc
from challenge.v1 import leaderboard_service_pb2 as rpc

from devstack.valkey import EmbeddedValkey
from tests.catalogue.documents import write_json
from tests.faults.redis_load import DOCUMENT
from tests.support.event_messages import stat
from tests.support.postgres_dump import dump, restore
from tests.support.service_process import ServiceProcess, serving
from tests.support.services import rows
from tests.support.waiting import wait_until

pytestmark = pytest.mark.slow

PLAYERS = 6_000
BATCH = 1_000
RANKED_S = 60.0
RESTORED_S = 30.0


def report(handler: ServiceProcess, players: int, delta: int) -> None:
    """Report an event of each player."""
    now = time.time_ns() // 1_000
    for start in range(0, players, BATCH):
        events = [
            stat("points", f"player {number}", delta=delta, at=now)
            for number in range(start, min(start + BATCH, players))
        ]
        wait_until(lambda events=events: _reported(handler, events), RANKED_S)  # type: ignore[misc]


def _reported(handler: ServiceProcess, events: list[event_rpc.Event]) -> bool:
    try:
        handler.events.ReportEvents(event_rpc.ReportEventsRequest(events=events))
    except grpc.RpcError as error:
        # The pool replaces connections that the restore has ended.
        if error.code() is not grpc.StatusCode.UNAVAILABLE:
            raise
        return False
    return True


def hits(challenges: ServiceProcess) -> tuple[int, list[int]] | None:
    """Return the size of the ranking and its first scores; None while it cannot be read."""
    try:
        reply = challenges.leaderboards.ListLeaderboard(rpc.ListLeaderboardRequest(leaderboard_id="sums"))
    except grpc.RpcError:
        return None
    return reply.state.size, [entry.score for entry in reply.entries[:3]]


def stored(database_url: str) -> tuple[int, list[int]]:
    """Return the same from the database."""
    size = rows(database_url, "SELECT count(*) FROM leaderboard_score WHERE board_id = 'sums'")[0][0]
    top = rows(database_url, "SELECT score FROM leaderboard_score WHERE board_id = 'sums' ORDER BY score DESC LIMIT 3")
    return size, [score for (score,) in top]


def test_an_older_dump_is_restored_beside_running_services(
    database_url: str, own_valkey: EmbeddedValkey, tmp_path: Path
) -> None:
    settings = {"CATALOGUE": str(write_json(tmp_path / "catalogue.json", DOCUMENT)), "REDIS_URL": own_valkey.url}
    with (
        serving("event_handler", database_url, **settings) as handler,
        serving("challenge_service", database_url, **settings) as challenges,
    ):
        report(handler, PLAYERS // 2, 1)
        wait_until(lambda: hits(challenges) == (PLAYERS // 2, [1, 1, 1]), RANKED_S)
        dump(database_url, tmp_path / "dump")
        report(handler, PLAYERS, 5)
        wait_until(lambda: hits(challenges) == (PLAYERS, [6, 6, 6]), RANKED_S)

        restore(database_url, tmp_path / "dump")
        restored = time.monotonic()
        wait_until(lambda: hits(challenges) == (PLAYERS // 2, [1, 1, 1]), RESTORED_S)
        took_s = time.monotonic() - restored
        # Redis had higher versions of these scores.
        report(handler, PLAYERS // 2, 2)
        wait_until(lambda: hits(challenges) == (PLAYERS // 2, [3, 3, 3]) == stored(database_url), RANKED_S)
        print(f"\nrestored: the leaderboard shows the dump after {took_s:.1f} s")  # noqa: T201
