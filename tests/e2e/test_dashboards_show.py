"""Every curve of the dashboards shows something while a game is played, as a real Prometheus evaluates it."""

from __future__ import annotations

import json
import re
import shutil
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from challenge.v1 import challenge_service_pb2 as rpc
from challenge.v1 import leaderboard_service_pb2 as boards
from challenge.v1.event_service_pb2 import ReportEventRequest

from deploy.grafana.dashboards import FOLDER
from devstack.nats import EmbeddedNats, nats_server
from tests.e2e.test_monitoring import PROGRAM, asked, prometheus
from tests.event_source.brokers import NatsUnderTest
from tests.event_source.journeys import MAPPING, wins
from tests.support.event_messages import login, stat
from tests.support.service_process import DEMO, ServiceProcess
from tests.support.waiting import wait_until

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        PROGRAM is None, reason="there is no prometheus on the PATH: install it, or set TEST_PROMETHEUS"
    ),
    pytest.mark.skipif(nats_server() is None, reason="no nats-server: make tools builds it"),
]

PLAYED_S = 25.0
SHOWN_S = 60.0
WITHOUT = {
    # Nothing fails here.
    ("overview", "Faults of ours"),
    ("overview", "Probes that fail"),
    ("overview", "Callers refused"),
    ("overview", "Beyond their limits"),
    ("event-sources", "Dead letters"),
    ("rewards", "Leases lost, and stuck grants that were resolved"),
    ("postgres-and-redis", "Passes that failed"),
    # Retention is off.
    ("postgres-and-redis", "Tallies pruned, completions carried forward"),
}
"""Panels in which some curve is rightly empty."""


def curves() -> Iterator[tuple[str, str, str]]:
    """Yield dashboard, panel and expression of each curve."""
    for path in sorted(FOLDER.glob("*.json")):
        for panel in json.loads(path.read_text("utf-8"))["panels"]:
            for target in panel.get("targets", []):
                yield path.stem, panel["title"], target["expr"]


class Game:
    """All processes, and players who play."""

    def __init__(self, database_url: str, redis_url: str, folder: Path, nats: EmbeddedNats, stack: ExitStack) -> None:
        catalogue, mapping = folder / "catalogue.yaml", folder / "mapping.yaml"
        shutil.copy(DEMO, catalogue)
        mapping.write_text(MAPPING, "utf-8")
        common = {"CATALOGUE": str(catalogue), "REDIS_URL": redis_url, "REWARD_WALLET_PROVIDER": "log"}
        common["REWARD_ITEM_PROVIDER"] = "log"

        def start(name: str, **environ: str) -> ServiceProcess:
            return stack.enter_context(ServiceProcess(name, database_url, **environ))

        self.service = start("challenge_service", **common)
        self.handler = start("event_handler", **common)
        for each in (self.service, self.handler):
            each.wait_until_serving()
        self._broker = NatsUnderTest(nats)
        source = {**self._broker.environ(folder), "SOURCE_MAPPING": str(mapping)}
        self.source = start("event_source", **source, SOURCE_HANDLER=f"127.0.0.1:{self.handler.port}")
        self.source.wait_until_serving()

    @property
    def targets(self) -> list[str]:
        """The addresses of their metrics."""
        processes = (self.service, self.handler, self.source)
        return [f"127.0.0.1:{each.wait_for('started')['metrics_port']}" for each in processes]

    def play(self, number: int) -> None:
        """Let a player do something of everything."""
        player, now = f"player {number}", time.time_ns() // 1_000
        self._broker.publish(wins(5, first=5 * number))
        challenges = self.service.challenges
        challenges.InitializePlayer(rpc.InitializePlayerRequest(user_id=player))
        for event in (login(player, at=now), stat("matches_won", player, delta=3, at=now)):
            self.handler.events.ReportEvent(ReportEventRequest(event=event))
        challenges.ListChallenges(rpc.ListChallengesRequest(user_id=player))
        for _ in range(2):
            challenges.ClaimAll(rpc.ClaimAllRequest(user_id=player))
        self.service.leaderboards.ListLeaderboard(boards.ListLeaderboardRequest(leaderboard_id="champions"))
        self.service.leaderboards.GetPlayerRank(boards.GetPlayerRankRequest(leaderboard_id="champions", user_id=player))


def test_every_panel_shows_something(database_url: str, redis_url: str, tmp_path: Path) -> None:
    with ExitStack() as stack:
        nats = stack.enter_context(EmbeddedNats(tmp_path / "nats"))
        game = Game(database_url, redis_url, tmp_path, nats, stack)
        port = stack.enter_context(prometheus(game.targets, tmp_path))

        def result(expression: str) -> list[Any]:
            replaced = expression.replace("$__rate_interval", "20s").replace("$job", ".*")
            assert "$" not in replaced
            # A scrape that a busy machine delays leaves a gap.
            data = asked(port, f"query?query={quote(f'last_over_time(({replaced})[30s:2s])')}")
            return [] if data is None else list(data["result"])

        wait_until(lambda: len(result("up == 1")) == len(game.targets), SHOWN_S)
        until, number = time.monotonic() + PLAYED_S, 0
        while time.monotonic() < until:
            game.play(number)
            number += 1

        def empty() -> set[tuple[str, str, str]]:
            return {curve for curve in curves() if curve[:2] not in WITHOUT and not result(curve[2])}

        def nothing_is_empty() -> bool:
            nonlocal number
            game.play(number)
            number += 1
            return not empty()

        try:
            wait_until(nothing_is_empty, SHOWN_S)
        except AssertionError:
            assert "\n".join(map(": ".join, sorted(empty()))) == ""


def test_only_panels_that_exist_may_be_empty() -> None:
    assert {(name, title) for name, title, _ in curves()} >= WITHOUT
    assert all(re.fullmatch(r"[a-z-]+", name) for name, _ in WITHOUT)
