"""Both services as processes of their own on free ports, and the demo as one beside them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from devstack.output import Lines
from devstack.process import Child
from devstack.services import SERVING_S, says_serving
from tests.runtime.processes import is_serving
from tests.servers import PostgresServer
from tests.waiting import wait_until

ROOT = Path(__file__).parents[2]
DEMO_S = 30
"""A demo without pauses takes a second."""


@contextmanager
def service_process(module: str, database_url: str, catalogue: str) -> Iterator[str]:
    """`python -m MODULE` until the end of the block; where it serves, as a gRPC target."""
    ports: list[int] = []

    def read(line: str) -> None:
        if says_serving(line):
            ports.append(json.loads(line)["port"])

    env = {
        **os.environ,
        "DATABASE_URL": database_url,
        "REDIS_URL": "",
        "CATALOGUE": str(ROOT / "catalogues" / catalogue),
        **{f"{service}_{port}": "0" for service in ("CHALLENGE", "EVENT") for port in ("PORT", "METRICS_PORT")},
    }
    child = Child(module, [sys.executable, "-m", module], output=Lines(read), env=env, cwd=ROOT)
    child.start()
    try:
        child.wait_until(lambda: bool(ports), SERVING_S)
        wait_until(lambda: is_serving(ports[0]))
        yield f"127.0.0.1:{ports[0]}"
    finally:
        child.stop()


@pytest.fixture(scope="module")
def module_database_url(postgres_server: PostgresServer) -> Iterator[str]:
    """A migrated database for all tests of a module, which take players of their own."""
    with postgres_server.fresh_database() as url:
        yield url


@pytest.fixture(scope="module")
def targets(module_database_url: str) -> Iterator[Mapping[str, str]]:
    """Both services with the demo catalogue: what tells the demo where they are."""
    with (
        service_process("challenge_service", module_database_url, "demo.yaml") as challenge,
        service_process("event_handler", module_database_url, "demo.yaml") as event,
    ):
        yield {"CHALLENGE_TARGET": challenge, "EVENT_TARGET": event}


def run_demo(targets: Mapping[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    """`python -m demo` without pauses, into a pipe."""
    return subprocess.run(
        demo_command(*arguments),
        env={**os.environ, **targets},
        cwd=ROOT,
        capture_output=True,
        encoding="utf-8",
        timeout=DEMO_S,
        check=False,
    )


def demo_command(*arguments: str) -> list[str]:
    """The command line of a demo without pauses."""
    return [sys.executable, "-m", "demo", "--pace", "0", *arguments]
