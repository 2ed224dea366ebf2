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

_REQUIRED = {"DATABASE_URL": "unused", "CATALOGUE": "unused"}


def service(module: str, url: str, catalogue: Path) -> ServerProcess:
    """A service that is told where things are, and nothing else."""
    ports = {f"{prefix}_{port}": "0" for prefix in ("CHALLENGE", "EVENT") for port in ("PORT", "METRICS_PORT")}
    env = {
        "PATH": os.environ.get("PATH", os.defpath),
        "DATABASE_URL": url,
        "CATALOGUE": str(catalogue),
        "BIND_ADDRESS": LOOPBACK,
        **ports,
    }
    return ServerProcess(module, env=env)


def threads() -> int:
    """How many calls a worker works on at once."""
    return load(ChallengeSettings, _REQUIRED).server.threads


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
