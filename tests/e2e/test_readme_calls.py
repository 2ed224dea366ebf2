"""The calls that the README shows, run as they stand there by a shell, without and with TLS and a key."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from devstack.run import find_tool
from shared.domain.access import Role
from tests.deploy.test_chart_serves import is_ready
from tests.support.certificates import Authority
from tests.support.service_process import PROJECT, ServiceProcess
from tests.support.tokens import key_entry
from tests.support.waiting import wait_until

pytestmark = pytest.mark.slow

README = (PROJECT / "README.md").read_text("utf-8")
[PLAIN] = re.findall(r"^```sh\n(G=.*?)^```$", README, re.MULTILINE | re.DOTALL)
[PROTECTED] = re.findall(r"^```sh\n(g\(\).*?)^```$", README, re.MULTILINE | re.DOTALL)
SETTINGS, _, CALLS = PLAIN.partition("\n")
_, _, NOW = SETTINGS.partition("; ")
COMMANDS = re.sub(r"^#.*\n", "", CALLS, flags=re.MULTILINE)
EACH = re.findall(r"^\$G (?:.*\\\n|.*\n(?=    ))*.*$", COMMANDS, re.MULTILINE)
KEY = "chk_a-key-of-the-test"
ROLES = tuple(str(role) for role in Role)
NOT_OF_THE_DEMO = ("RerollGoal", "GetClaim")
"""Calls that name what the demo does not have: they reach the service, which says so."""


def method(command: str) -> str:
    """Return the name of the method that a command calls."""
    return command.split("/")[-1].split()[0]


@pytest.fixture(scope="module")
def grpcurl() -> str:
    path = find_tool("grpcurl") or shutil.which("grpcurl")
    if path is None:
        pytest.skip("grpcurl is not in .tools/bin (make tools), nor on PATH")
    return str(PROJECT / path)


@pytest.fixture(params=["plain", "protected"])
def shell(
    request: pytest.FixtureRequest, database_url: str, grpcurl: str, tmp_path: Path
) -> Iterator[tuple[str, dict[str, int]]]:
    """Yield what the shell executes before each call, and the ports by those of the README."""
    environ: dict[str, str] = {}
    before = SETTINGS
    if request.param == "protected":
        authority = Authority(tmp_path)
        files = authority.files()
        (tmp_path / "callers.toml").write_text(key_entry("game", KEY, *ROLES), "utf-8")
        environ = {
            "TLS_CERTIFICATE": str(files.certificate),
            "TLS_PRIVATE_KEY": str(files.private_key),
            "CALLERS": str(tmp_path / "callers.toml"),
        }
        before = f"{PROTECTED}\n{NOW}".replace("chk_…", KEY).replace("ca.pem", str(authority.certificate))
    with (
        ServiceProcess("challenge_service", database_url, CHALLENGE_HEALTH_PORT="0", **environ) as service,
        ServiceProcess("event_handler", database_url, EVENT_HEALTH_PORT="0", **environ) as handler,
    ):
        for each in (service, handler):
            wait_until(partial(is_ready, each.wait_for("started")["health_port"]), 60)
        yield before.replace(".tools/bin/grpcurl", grpcurl), {"50051": service.port, "50052": handler.port}


def test_every_call_of_the_readme_is_served(shell: tuple[str, dict[str, int]]) -> None:
    before, ports = shell
    assert len(EACH) == COMMANDS.count("$G ")
    for command in EACH:
        for shown, port in ports.items():
            command = command.replace(f"localhost:{shown}", f"localhost:{port}")
        done = subprocess.run(
            ["/bin/bash", "-c", f"{before}\n{command}"],
            cwd=PROJECT,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        if method(command) in NOT_OF_THE_DEMO:
            assert re.search(r"^  Code: (NotFound|FailedPrecondition|InvalidArgument)$", done.stderr, re.MULTILINE), (
                command,
                done.stderr,
            )
        else:
            assert done.returncode == 0, (command, done.stderr)
