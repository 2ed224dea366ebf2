"""Both services as processes of their own, on free ports."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import pytest

from devstack.output import Lines
from tests.runtime.processes import is_serving
from tests.support.imported_child import ImportedChild
from tests.support.postgres_server import PostgresServer
from tests.support.waiting import wait_until

ROOT = Path(__file__).parents[2]
SERVING_S = 30
"""A service takes two seconds to start."""


@pytest.fixture(scope="session")
def targets(postgres_server: PostgresServer) -> Iterator[Mapping[str, str]]:
    """Start both services with the demo catalogue and yield the settings that name their addresses."""
    with postgres_server.fresh_database() as url, ExitStack() as services:
        challenge = _start("challenge_service", url, services)
        event = _start("event_handler", url, services)
        yield {"CHALLENGE_TARGET": challenge(), "EVENT_TARGET": event()}


def _start(module: str, database_url: str, services: ExitStack) -> Callable[[], str]:
    """Start `python -m MODULE`, stopped with `services`; return a function that waits for it and returns its target."""
    ports: list[int] = []

    def read(line: str) -> None:
        entry = json.loads(line)
        if entry["message"] == "serving":
            ports.append(entry["port"])

    env = {
        **os.environ,
        "DATABASE_URL": database_url,
        "REDIS_URL": "",
        "DEVELOPMENT_CLOCK": "true",
        "REWARD_ITEM_PROVIDER": "log",
        "REWARD_WALLET_PROVIDER": "log",
        "CATALOGUE": str(ROOT / "catalogues" / "demo.yaml"),
        **{f"{service}_{port}": "0" for service in ("CHALLENGE", "EVENT") for port in ("PORT", "METRICS_PORT")},
    }
    child = ImportedChild(module, [], output=Lines(read), env=env)
    services.callback(child.kill)
    child.start()

    def target() -> str:
        wait_until(lambda: ports or not child.is_running, SERVING_S)
        assert ports, child.tail()
        wait_until(lambda: is_serving(ports[0]))
        return f"127.0.0.1:{ports[0]}"

    return target
