"""The schema moves ahead, back and ahead again under a full database, while the release before serves."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import grpc
import pytest
from challenge.v1 import event_service_pb2 as rpc
from challenge.v1.challenge_service_pb2 import ClaimRewardRequest, ListChallengesRequest
from challenge.v1.event_service_pb2_grpc import EventServiceStub

from devstack.postgres import EmbeddedPostgres
from shared.domain.instant import SECOND
from shared.postgres import schema
from shared.postgres.migrations import migration_files
from shared.runtime.clock import system_clock
from tests.catalogue.documents import loaded, write_json
from tests.support.earlier_release import release_before
from tests.support.event_callers import calling
from tests.support.event_messages import stat
from tests.support.oracle import DOCUMENT, Oracle
from tests.support.sample_catalogue import assigned, challenge
from tests.support.service_process import CopiedProcess, ServiceProcess, serving
from tests.support.services import challenge_service, rows

pytestmark = pytest.mark.slow

FIRST_NEW = "0012-time"
"""The first migration that the release before does not know."""
NEW = [path.stem for path in migration_files() if path.stem >= FIRST_NEW]
STATS = 10
GOALS = [assigned(f"tried-{number}", stat=f"stat-{number}", count="events", target=1) for number in range(STATS)]
CATALOGUE = {"challenges": [*DOCUMENT["challenges"], challenge("tries", *GOALS)]}
PLAYERS = 10_000
"""Each with an event, a tally and a completion of each stat: 100,000 rows in each of the three tables."""
CHOICES = """
WITH chosen AS (
    INSERT INTO assignment (user_id, goal_id, active, frozen_progress)
    SELECT user_id, 'tried-1', true, 0 FROM tally WHERE schedule = 'lifetime' AND stat_code = 'stat-1'
    RETURNING user_id
)
SELECT count(*) FROM chosen
"""
"""A choice of each player, because migrations add columns to choices, too."""
BATCH = 1_000
FILLERS = 4
EVENTS_BETWEEN = 2_000
"""Events acknowledged before the first change of the schema and after each."""
CALL_TIMEOUT_S = 10.0


def fill(handler: ServiceProcess) -> None:
    """Store an event of each stat for all players."""
    now = time.time_ns() // 1_000 - SECOND

    def report(first: int) -> None:
        events = [
            stat(f"stat-{number}", f"known-{player}", delta=1, event_id=f"{number}", at=now)
            for player in range(first, first + BATCH // STATS)
            for number in range(STATS)
        ]
        results = handler.events.ReportEvents(rpc.ReportEventsRequest(events=events)).results
        assert {result.verdict for result in results} == {rpc.VERDICT_APPLIED}

    with ThreadPoolExecutor(FILLERS) as fillers:
        list(fillers.map(report, range(0, PLAYERS, BATCH // STATS)))


class Player:
    """Players who look at their goals and claim a reward, one after the other."""

    def __init__(self, services: list[ServiceProcess]) -> None:
        self._services = services
        self.claimed = 0
        self.failures: list[grpc.StatusCode] = []
        self.slowest_s = 0.0

    @contextmanager
    def playing(self) -> Iterator[None]:
        """Play while the block runs."""
        over = threading.Event()

        def play() -> None:
            for number in count(self.claimed):
                if over.is_set():
                    return
                started = time.monotonic()
                try:
                    self._play(f"known-{number}", self._services[number % len(self._services)])
                except grpc.RpcError as error:
                    self.failures.append(error.code())
                self.slowest_s = max(self.slowest_s, time.monotonic() - started)
                self.claimed += 1

        with ThreadPoolExecutor(1) as thread:
            played = thread.submit(play)
            try:
                yield
            finally:
                over.set()
            played.result()

    def _play(self, player: str, service: ServiceProcess) -> None:
        request = ListChallengesRequest(user_id=player)
        listed = service.challenges.ListChallenges(request, timeout=CALL_TIMEOUT_S).challenges
        assert [goal.progress for goal in listed[-1].goals] == [1] * STATS
        claim = ClaimRewardRequest(user_id=player, challenge_id="tries", goal_id="tried-0", request_id="once")
        assert service.challenges.ClaimReward(claim, timeout=CALL_TIMEOUT_S).claim.grant_id


def test_the_release_before_serves_on_while_the_schema_moves_ahead_and_back(
    own_postgres: EmbeddedPostgres, tmp_path: Path
) -> None:
    release = release_before(FIRST_NEW, tmp_path)
    if release is None:
        pytest.skip("the history of the project is not here")
    url = own_postgres.url
    environ = {"CATALOGUE": str(write_json(tmp_path / "catalogue.json", CATALOGUE))}
    schema.migrate(url)
    with serving("event_handler", url, **environ) as filling:
        fill(filling)
    assert rows(url, CHOICES) == [(PLAYERS,)]
    assert sorted(schema.roll_back(url, len(NEW))) == NEW
    oracle = Oracle(time.time_ns() // 1_000, seed=42)
    with (
        CopiedProcess(release, "event_handler", url, **environ) as old_handler,
        CopiedProcess(release, "challenge_service", url, **environ) as old_service,
    ):
        old_handler.wait_until_serving()
        old_service.wait_until_serving()
        player = Player([old_service])
        with calling(oracle, [old_handler.events], CALL_TIMEOUT_S), player.playing():
            oracle.wait_for_acknowledged(EVENTS_BETWEEN)
            assert schema.migrate(url) == NEW
            oracle.wait_for_acknowledged(EVENTS_BETWEEN)
            assert sorted(schema.roll_back(url, len(NEW))) == NEW
            oracle.wait_for_acknowledged(EVENTS_BETWEEN)
            assert schema.migrate(url) == NEW
            oracle.wait_for_acknowledged(EVENTS_BETWEEN)
        # The releases side by side.
        with (
            serving("event_handler", url, **environ) as handler,
            serving("challenge_service", url, **environ) as service,
        ):
            player_of_both = Player([old_service, service])
            player_of_both.claimed = player.claimed
            stubs: list[EventServiceStub] = [old_handler.events, handler.events]
            with calling(oracle, stubs, CALL_TIMEOUT_S), player_of_both.playing():
                oracle.wait_for_acknowledged(2 * EVENTS_BETWEEN)
            claimed = player_of_both.claimed
    with challenge_service(url, loaded(DOCUMENT), clock=system_clock) as reader:
        judgement = oracle.judge(reader)
    slowest_s = max(player.slowest_s, player_of_both.slowest_s)
    print(f"\n{judgement}; {claimed} players listed and claimed, the slowest in {slowest_s:.2f} s")  # noqa: T201
    judgement.assert_right()
    assert judgement.failed_calls == 0
    assert player.failures == player_of_both.failures == []
    assert rows(url, "SELECT count(*) FROM reward_outbox") == [(claimed,)]
    kept = "SELECT (SELECT count(*) FROM tally t WHERE {0}), (SELECT count(*) FROM completion t WHERE {0})"
    assert rows(url, kept.format("user_id ~ '^known'")) == [(PLAYERS * STATS, PLAYERS * STATS)]
