"""The services under test as processes, with their own defaults, and their metrics."""

from __future__ import annotations

import json
import math
import os
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import grpc
from challenge.v1.leaderboard_service_pb2 import LeaderboardState, ListLeaderboardRequest
from challenge.v1.leaderboard_service_pb2_grpc import LeaderboardServiceStub
from prometheus_client.parser import text_string_to_metric_families

from challenge_service.settings import ChallengeSettings
from devstack.output import Lines
from devstack.ports import LOOPBACK
from devstack.process import Child
from event_handler.settings import EventHandlerSettings
from shared.runtime.settings import load

ROOT = Path(__file__).parents[1]
START_S = 60.0
STOP_S = 20.0


class ServerProcess(Child):
    """`python -m MODULE`, which logs in a line of JSON that it serves, and its port."""

    def __init__(
        self,
        module: str,
        arguments: Sequence[str] = (),
        env: Mapping[str, str] | None = None,
        output: Lines | None = None,
    ) -> None:
        """Describe a process whose whole environment is `env`. An `output` has to pass its lines to `_read`."""
        self._serving = threading.Event()
        self._port = 0
        self._metrics_port = self._http_port = 0

        command = [sys.executable, "-m", module, *arguments]
        super().__init__(module, command, output=output or Lines(self._read), env=env or {}, cwd=ROOT, grace_s=STOP_S)

    @property
    def port(self) -> int:
        """The port for calls, once the server is serving."""
        return self._port

    @property
    def metrics_port(self) -> int:
        """The port for metrics. Raise `StartFailed` if the server does not log it."""
        self.wait_until(lambda: self._metrics_port > 0, START_S)
        return self._metrics_port

    @property
    def http_port(self) -> int:
        """The port for HTTP of a game, once it is serving."""
        return self._http_port

    @property
    def running_pid(self) -> int:
        """The process id, once the server is started."""
        if self.pid is None:
            raise RuntimeError(f"{self.name} is not started")
        return self.pid

    @property
    def round_trips(self) -> float:
        """The number of round trips to the database so far; NaN if the server does not count them."""
        counts = self.name in (CHALLENGE_SERVICE, EVENT_HANDLER)
        return counted(self.metrics_port, "database_round_trips_total") if counts else math.nan

    def serve(self) -> None:
        """Start and wait until the server takes calls. Raise `StartFailed` with its last lines if it does not."""
        self.start()
        self.wait_until(self._serving.is_set, START_S)

    def _read(self, line: str) -> None:
        try:
            entry = json.loads(line)
        except ValueError:
            return
        if not isinstance(entry, dict):
            return

        if entry.get("message") == "started":
            self._metrics_port = int(entry.get("metrics_port", 0))
        if entry.get("message") == "serving":
            self._port = int(entry["port"])
            self._http_port = int(entry.get("http_port", 0))
            self._serving.set()


CHALLENGE_SERVICE = "challenge_service"
EVENT_HANDLER = "event_handler"
REWARD_DISPATCHER = "reward_dispatcher"
EVENT_SOURCE = "event_source"

_REQUIRED = {"DATABASE_URL": "postgresql://unused/unused", "CATALOGUE": "unused"}
_PREFIXES = {
    CHALLENGE_SERVICE: "CHALLENGE",
    EVENT_HANDLER: "EVENT",
    REWARD_DISPATCHER: "DISPATCHER",
    EVENT_SOURCE: "SOURCE",
}


def environment(module: str, url: str, **settings: str) -> dict[str, str]:
    """Return the environment of a service at its defaults, but for addresses and `settings`."""
    prefix = _PREFIXES[module]
    ports = {f"{prefix}_PORT": "0", f"{prefix}_METRICS_PORT": "0"}
    return {**_bare_env(), "DATABASE_URL": url, **ports, **settings}


def dispatcher(url: str, **provider: str) -> ServerProcess:
    """Return a reward dispatcher at its defaults; `provider` is where it delivers."""
    return ServerProcess(REWARD_DISPATCHER, env=environment(REWARD_DISPATCHER, url, **provider))


def game(grant_log: Path, delay_s: float) -> ServerProcess:
    """Return the development stack's game."""
    env = {
        **_bare_env(),
        "GAME_GRPC_PORT": "0",
        "GAME_HTTP_PORT": "0",
        "GAME_GRANT_LOG": str(grant_log),
        "GAME_FAULTS": json.dumps({"delay_s": delay_s}),
    }
    return ServerProcess("devstack.game", env=env)


def empty_handler(
    response_bytes: int, like: str = CHALLENGE_SERVICE, *, writes: str = "", url: str = ""
) -> ServerProcess:
    """Return a server with an empty handler that has as many threads as the service `like`.

    If it `writes`, each call commits the statement of that name, on as many connections as the service has.
    """
    settings = _settings()[like]
    arguments = ["--bytes", str(response_bytes), "--threads", str(settings.server.threads)]
    if writes:
        arguments += ["--write", writes, url, str(settings.database.pool_size)]
    return ServerProcess("bench.empty", arguments, _bare_env())


def _bare_env() -> dict[str, str]:
    return {"PATH": os.environ.get("PATH", os.defpath), "BIND_ADDRESS": LOOPBACK}


def _settings() -> dict[str, ChallengeSettings | EventHandlerSettings]:
    return {
        CHALLENGE_SERVICE: load(ChallengeSettings, _REQUIRED),
        EVENT_HANDLER: load(EventHandlerSettings, _REQUIRED),
    }


def settings() -> str:
    """Return the defaults that affect the figures."""
    return "; ".join(
        f"{module}: {defaults.server.workers} worker, {defaults.server.threads} threads, "
        f"{defaults.database.pool_size} connections"
        for module, defaults in _settings().items()
    )


RESPONSE_S = 5.0


def counted(port: int, name: str, **labels: str) -> float:
    """Return the sum of all samples with this name and these labels, from the metrics on a port; 0 if there are none.

    Raise `OSError` if the port does not respond.
    """
    url = f"http://{LOOPBACK}:{port}/metrics"
    with urllib.request.urlopen(url, timeout=RESPONSE_S) as response:
        text = response.read().decode()
    return sum(
        sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == name and labels.items() <= sample.labels.items()
    )


CHECK_INTERVAL_S = 0.2


def wait_until_ranked(
    port: int, leaderboard_id: str, patience_s: float, ready: Callable[[LeaderboardState], bool] = lambda _state: True
) -> None:
    """Wait until a leaderboard can be read and `ready` accepts its state. Raise `TimeoutError` after `patience_s`."""
    deadline = time.monotonic() + patience_s
    request = ListLeaderboardRequest(leaderboard_id=leaderboard_id, page_size=1)
    with grpc.insecure_channel(f"{LOOPBACK}:{port}") as channel:
        while time.monotonic() < deadline:
            try:
                if ready(LeaderboardServiceStub(channel).ListLeaderboard(request).state):
                    return
            except grpc.RpcError as error:
                if error.code() is not grpc.StatusCode.UNAVAILABLE:
                    raise
            time.sleep(CHECK_INTERVAL_S)
    raise TimeoutError(f"the leaderboard {leaderboard_id} is not ranked")
