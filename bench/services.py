"""The services under test, with their own defaults."""

from __future__ import annotations

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

_REQUIRED = {"DATABASE_URL": "unused", "CATALOGUE": "unused"}


_PREFIXES = {CHALLENGE_SERVICE: "CHALLENGE", EVENT_HANDLER: "EVENT", REWARD_DISPATCHER: "DISPATCHER"}


def service(module: str, url: str, **where: str) -> ServerProcess:
    """A service that is told where things are, and nothing else."""
    prefix = _PREFIXES[module]
    ports = {f"{prefix}_PORT": "0", f"{prefix}_METRICS_PORT": "0"}
    return ServerProcess(module, env={**_bare_env(), "DATABASE_URL": url, **ports, **where})


def game(books: Path, delay_s: float, http_port: int) -> ServerProcess:
    """The game of the development stack; the port that it says is that of its gRPC door."""
    env = {
        **_bare_env(),
        "GAME_GRPC_PORT": "0",
        "GAME_HTTP_PORT": str(http_port),
        "GAME_BOOKS": str(books),
        "GAME_DELAY_S": str(delay_s),
    }
    return ServerProcess("devstack.game", env=env)


def _bare_env() -> dict[str, str]:
    return {"PATH": os.environ.get("PATH", os.defpath), "BIND_ADDRESS": LOOPBACK}


def threads(module: str) -> int:
    """How many calls a worker of this service, one of the two that take calls, works on at once."""
    kind = {CHALLENGE_SERVICE: ChallengeSettings, EVENT_HANDLER: EventHandlerSettings}[module]
    return load(kind, _REQUIRED).server.threads


def settings() -> str:
    """The defaults that bear on the figures."""
    lists, events = load(ChallengeSettings, _REQUIRED), load(EventHandlerSettings, _REQUIRED)
    return "; ".join(
        f"{module}: {server.workers} worker, {server.threads} threads, {database.pool_size} connections{more}"
        for module, server, database, more in (
            (CHALLENGE_SERVICE, lists.server, lists.database, ""),
            (EVENT_HANDLER, events.server, events.database, f", {events.events.writers} writer"),
        )
    )
