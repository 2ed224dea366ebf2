"""The services under test, with their own defaults."""

from __future__ import annotations

import json
import os
from pathlib import Path

from bench.processes import ServerProcess
from challenge_service.settings import ChallengeSettings
from devstack.ports import LOOPBACK
from event_handler.settings import EventHandlerSettings
from shared.runtime.settings import load

CHALLENGE_SERVICE = "challenge_service"
EVENT_HANDLER = "event_handler"
REWARD_DISPATCHER = "reward_dispatcher"

_REQUIRED = {"DATABASE_URL": "postgresql://unused/unused", "CATALOGUE": "unused"}
_PREFIXES = {CHALLENGE_SERVICE: "CHALLENGE", EVENT_HANDLER: "EVENT", REWARD_DISPATCHER: "DISPATCHER"}


def environment(module: str, url: str, **settings: str) -> dict[str, str]:
    """Return the environment of a service at its defaults, but for addresses and `settings`."""
    prefix = _PREFIXES[module]
    ports = {f"{prefix}_PORT": "0", f"{prefix}_METRICS_PORT": "0"}
    return {**_bare_env(), "DATABASE_URL": url, **ports, **settings}


def service(module: str, url: str, catalogue: Path, **settings: str) -> ServerProcess:
    """Return a service at its defaults, but for addresses, the catalogue and `settings`."""
    return ServerProcess(module, env=environment(module, url, CATALOGUE=str(catalogue), **settings))


def dispatcher(url: str, **provider: str) -> ServerProcess:
    """Return a reward dispatcher at its defaults; `provider` is where it delivers."""
    return ServerProcess(REWARD_DISPATCHER, env=environment(REWARD_DISPATCHER, url, **provider))


def game(books: Path, delay_s: float, http_port: int) -> ServerProcess:
    """Return the development stack's game; the port it reports is its gRPC port."""
    env = {
        **_bare_env(),
        "GAME_GRPC_PORT": "0",
        "GAME_HTTP_PORT": str(http_port),
        "GAME_BOOKS": str(books),
        "GAME_MOOD": json.dumps({"delay_s": delay_s}),
    }
    return ServerProcess("devstack.game", env=env)


def empty_handler(response_bytes: int, beside: str = CHALLENGE_SERVICE) -> ServerProcess:
    """Return a server with an empty handler that has as many threads as the service `beside`."""
    threads = _settings()[beside].server.threads
    return ServerProcess("bench.empty", ["--bytes", str(response_bytes), "--threads", str(threads)])


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
