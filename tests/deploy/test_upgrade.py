"""The last release and this one side by side on this schema: no call fails, nothing is lost, boards are the same."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from challenge.v1 import challenge_service_pb2 as rpc
from challenge.v1.event_service_pb2 import ReportEventRequest
from challenge.v1.leaderboard_service_pb2 import ListLeaderboardRequest

from devstack.postgres import EmbeddedPostgres
from shared.postgres import schema
from shared.runtime.clock import system_clock
from tests.catalogue.documents import loaded, write_json
from tests.support.earlier_release import SETTING, code_of, last_release
from tests.support.event_callers import calling
from tests.support.event_messages import stat
from tests.support.oracle import DOCUMENT, Oracle
from tests.support.sample_catalogue import assigned, challenge
from tests.support.service_process import CopiedProcess, ServiceProcess, python_path, serving
from tests.support.services import challenge_service, rows
from tests.support.waiting import wait_until

pytestmark = pytest.mark.slow

CATALOGUE = {
    "challenges": [
        *DOCUMENT["challenges"],
        challenge("start", assigned("try", stat="tries", count="events", target=1)),
    ],
    "leaderboards": [{"id": "sums", "name": "Sums", "over": "stat", "stat": "points", "count": "sum"}],
}
EVENTS_BETWEEN = 1_000
PAGE = 500
"""Players of one page of the leaderboard: the faster the machine, the more pages there are."""
CALL_TIMEOUT_S = 10.0


def migrate_as(release: Path, database_url: str) -> None:
    """Migrate with the command of a release."""
    environ = {**os.environ, "DATABASE_URL": database_url, "PYTHONPATH": python_path(release)}
    subprocess.run([sys.executable, "-m", "admin", "migrate"], cwd=release, env=environ, check=True)


@contextmanager
def playing(handlers: list[ServiceProcess], services: list[ServiceProcess], prefix: str) -> Iterator[list[str]]:
    """Have players of all services try, list, switch and claim while the block runs; a failed call fails the test.

    The list has the players after the block.
    """
    over = threading.Event()
    played: list[str] = []

    def play() -> None:
        for number in count():
            if over.is_set():
                return
            player = f"{prefix}-{number}"
            here, there = (services[(number + each) % len(services)].challenges for each in range(2))
            here.InitializePlayer(rpc.InitializePlayerRequest(user_id=player), timeout=CALL_TIMEOUT_S)
            tried = ReportEventRequest(event=stat("tries", player, delta=1, at=time.time_ns() // 1_000))
            handlers[number % len(handlers)].events.ReportEvent(tried, timeout=CALL_TIMEOUT_S)
            goal: dict[str, Any] = {"user_id": player, "challenge_id": "start", "goal_id": "try"}
            there.SetGoalActive(rpc.SetGoalActiveRequest(**goal, active=True), timeout=CALL_TIMEOUT_S)
            listed = here.ListChallenges(rpc.ListChallengesRequest(user_id=player), timeout=CALL_TIMEOUT_S)
            assert listed.challenges[-1].goals[0].progress == 1
            claimed = [
                service.ClaimReward(rpc.ClaimRewardRequest(**goal, request_id="once"), timeout=CALL_TIMEOUT_S).claim
                for service in (there, here)
            ]
            assert claimed[0].grant_id == claimed[1].grant_id != ""
            played.append(player)

    with ThreadPoolExecutor(1) as thread:
        ended = thread.submit(play)
        try:
            yield played
        finally:
            over.set()
        ended.result()


def board(service: ServiceProcess) -> list[tuple[str, int, int]]:
    """Return all players of the leaderboard, with their ranks and scores."""
    found: list[tuple[str, int, int]] = []
    request = ListLeaderboardRequest(leaderboard_id="sums", page_size=PAGE)
    while True:
        page = service.leaderboards.ListLeaderboard(request, timeout=CALL_TIMEOUT_S)
        found += [(entry.user_id, entry.rank, entry.score) for entry in page.entries]
        if not page.next_page_token:
            return sorted(found)
        request.page_token = page.next_page_token


def test_the_last_release_and_this_one_serve_side_by_side(
    own_postgres: EmbeddedPostgres, redis_url: str, tmp_path: Path
) -> None:
    commit = last_release()
    if commit is None:
        pytest.skip(f"the last release is not in the history here; {SETTING} may name another commit")
    release = code_of(commit, tmp_path)
    url = own_postgres.url
    environ = {"CATALOGUE": str(write_json(tmp_path / "catalogue.json", CATALOGUE)), "REDIS_URL": redis_url}
    migrate_as(release, url)
    oracle = Oracle(time.time_ns() // 1_000, seed=7)
    with (
        CopiedProcess(release, "event_handler", url, **environ) as old_handler,
        CopiedProcess(release, "challenge_service", url, **environ) as old_service,
    ):
        old_handler.wait_until_serving()
        old_service.wait_until_serving()
        with (
            calling(oracle, [old_handler.events], CALL_TIMEOUT_S),
            playing([old_handler], [old_service], "old") as before,
        ):
            oracle.wait_for_acknowledged(EVENTS_BETWEEN)
            new = schema.migrate(url)
            oracle.wait_for_acknowledged(EVENTS_BETWEEN)
            assert old_handler.health() == old_service.health() == "SERVING", "the release before serves on"
        with (
            serving("event_handler", url, **environ) as handler,
            serving("challenge_service", url, **environ) as service,
        ):
            handlers, services = [old_handler, handler], [old_service, service]
            stubs = [each.events for each in handlers]
            with calling(oracle, stubs, CALL_TIMEOUT_S), playing(handlers, services, "both") as meanwhile:
                oracle.wait_for_acknowledged(2 * EVENTS_BETWEEN)
            # Both read the same ranking, once the last scores have arrived.
            wait_until(lambda: board(service) == board(old_service) == stored(url), 60)
            assert old_handler.stop() == old_service.stop() == 0
            with calling(oracle, [handler.events], CALL_TIMEOUT_S), playing([handler], [service], "new") as after:
                oracle.wait_for_acknowledged(EVENTS_BETWEEN)
            wait_until(lambda: board(service) == stored(url), 60)
    with challenge_service(url, loaded(DOCUMENT), clock=system_clock) as reader:
        judgement = oracle.judge(reader)
    print(f"\n{judgement}; {len([*before, *meanwhile, *after])} players; {len(new)} new migrations")  # noqa: T201
    judgement.assert_right()
    assert judgement.failed_calls == 0
    assert min(len(before), len(meanwhile), len(after)) > 0
    assert rows(url, "SELECT count(*) FROM reward_outbox") == [(len([*before, *meanwhile, *after]),)]


def stored(url: str) -> list[tuple[str, int, int]]:
    """Return all players by their sums in the database."""
    ranked = """
        SELECT user_id, rank() OVER (ORDER BY sum DESC), sum FROM tally
        WHERE stat_code = 'points' AND schedule = 'lifetime'
    """
    return sorted((user_id, rank, int(total)) for user_id, rank, total in rows(url, ranked))
