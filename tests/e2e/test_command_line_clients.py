"""The calls that docs/identity.md shows for three programs, run as they stand there, where the programs are."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from devstack.run import find_tool
from tests.support.certificates import Authority
from tests.support.service_process import PROJECT, ServiceProcess
from tests.support.tokens import key_entry

PAGE = (PROJECT / "docs" / "identity.md").read_text("utf-8").replace("\\\n", " ")
SHOWN = re.findall(r"^\.(?:tools|venv)/bin/(?:buf curl|grpcurl|ghz) .*$", PAGE, re.MULTILINE)
CONTRACT = "contract.binpb"
KEY = "chk_a-key-of-the-test"
ROLES = ("players:read", "players:write")


def program(line: str) -> str:
    """Return the name of the program of a shown line."""
    return Path(line.split()[0]).name


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def service(database_url: str, certificates: Authority, request: pytest.FixtureRequest) -> Iterator[ServiceProcess]:
    """Yield a service with TLS; with callers if the line shows a key."""
    files = certificates.files()
    environ = {"TLS_CERTIFICATE": str(files.certificate), "TLS_PRIVATE_KEY": str(files.private_key)}
    if "chk_" in request.getfixturevalue("line") or "$H" in request.getfixturevalue("line"):
        callers = certificates.certificate.with_name("callers.toml")
        callers.write_text(key_entry("game", KEY, *ROLES), "utf-8")
        environ["CALLERS"] = str(callers)
    with ServiceProcess("challenge_service", database_url, **environ) as started:
        started.wait_for("serving")
        yield started


@pytest.mark.parametrize("line", SHOWN, ids=program)
def test_shown_calls_succeed(line: str, service: ServiceProcess, certificates: Authority) -> None:
    path = find_tool(program(line)) or shutil.which(program(line))
    if path is None:
        pytest.skip(f"{program(line)} is not in .tools/bin (make tools), nor on PATH")
    if CONTRACT in line:
        built = certificates.certificate.with_name(CONTRACT)
        [command] = re.findall(rf"^\.venv/bin/(buf build .* {CONTRACT})", PAGE, re.MULTILINE)
        _, *options = command.replace(CONTRACT, str(built)).split()
        subprocess.run([str(find_tool("buf")), *options], cwd=PROJECT, check=True)
        line = line.replace(CONTRACT, str(built))
    shown = line.replace('"$H"', "'authorization: Bearer chk_…'").replace("chk_…", KEY)
    arguments = [
        argument.replace("localhost:50051", f"localhost:{service.port}").replace(
            "ca.pem", str(certificates.certificate)
        )
        for argument in shlex.split(shown)[1:]
    ]
    if program(line) == "ghz":
        arguments[:0] = ["--total", "20", "--concurrency", "2"]
    wait_until_database(service)
    done = subprocess.run([path, *arguments], cwd=PROJECT, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    assert ("[OK]   20 responses" if program(line) == "ghz" else '"challenges"') in done.stdout


def wait_until_database(service: ServiceProcess) -> None:
    service.wait_for("probe recovered")


def test_all_programs_are_shown_with_and_without_a_key() -> None:
    assert sorted(map(program, SHOWN)) == ["buf", "buf", "ghz", "ghz", "grpcurl", "grpcurl"]
