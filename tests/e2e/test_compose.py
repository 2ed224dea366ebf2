"""`compose.yaml` and the `Dockerfile`, as far as they can be checked without a container engine.

The folder that the image would hold is made from the lines of the `Dockerfile`. Its processes run with the settings of
`compose.yaml` against servers of the development stack.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml
from challenge.v1.challenge_service_pb2 import InitializePlayerRequest
from challenge.v1.event_service_pb2 import ReportEventRequest, Verdict

from challenge_service.settings import ChallengeSettings
from devstack.cluster import DATABASE
from devstack.postgres import EmbeddedPostgres
from event_handler.settings import EventHandlerSettings
from shared.postgres import schema
from shared.runtime.clock import system_clock
from shared.runtime.safe_start import require_protection
from shared.runtime.settings import load, variables
from shared.runtime.settings_report import unknown_variables
from shared.runtime.tls_settings import require_complete
from tests.support.event_messages import login
from tests.support.service_process import PROJECT, CopiedProcess, python_path

COMPOSE: dict[str, Any] = yaml.safe_load((PROJECT / "compose.yaml").read_text("utf-8"))
SERVICES: dict[str, Any] = COMPOSE["services"]
OURS = {"challenge-service": ChallengeSettings, "event-handler": EventHandlerSettings}
INSTRUCTIONS = (PROJECT / "Dockerfile").read_text("utf-8").replace("\\\n", " ").splitlines()


def given(text: str) -> str:
    """Return a value of `compose.yaml` where no variable of the caller is set."""
    return re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", text)


def environment(name: str) -> dict[str, str]:
    """Return the variables of a service."""
    return {key: given(value) for key, value in SERVICES[name].get("environment", {}).items()}


def image_environment() -> dict[str, str]:
    """Return the variables of the image, without those that lead to its files."""
    pairs = [pair for line in INSTRUCTIONS if line.startswith("ENV ") for pair in line.split()[1:]]
    found = dict(pair.split("=", 1) for pair in pairs)
    return {name: value for name, value in found.items() if name not in ("PATH", "PYTHONPATH")}


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with what the last stage of the image copies, and with the generated code."""
    folder = tmp_path_factory.mktemp("app")
    last_stage = INSTRUCTIONS[max(number for number, line in enumerate(INSTRUCTIONS) if line.startswith("FROM ")) :]
    for line in last_stage:
        if line.startswith("COPY ") and "--from" not in line:
            source, target = line.split()[1:]
            ignored = shutil.ignore_patterns("__pycache__")
            if (PROJECT / source).is_dir():
                shutil.copytree(PROJECT / source, folder / target, ignore=ignored)
            else:
                (folder / target).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(PROJECT / source, folder / target)
    (protoc,) = [line.partition("-m grpc_tools.protoc")[2] for line in INSTRUCTIONS if "grpc_tools.protoc" in line]
    (folder / "generated").mkdir()
    shutil.copytree(PROJECT / "protos", folder / "protos")
    command = f"{sys.executable} -m grpc_tools.protoc{protoc}"
    subprocess.run(command, shell=True, check=True, cwd=folder)  # noqa: S602 - as the image is built
    shutil.rmtree(folder / "protos")
    return folder


@pytest.mark.parametrize("name", OURS)
def test_every_variable_is_a_setting_of_its_service(name: str) -> None:
    environ = image_environment() | environment(name)
    ports = {name for name in environ if name.endswith("_HEALTH_PORT")}
    known = {variable.name for variable in variables(OURS[name])}
    assert {name for name in environ if not name.startswith("PYTHON")} - ports <= known
    assert len(ports & known) == 1, "the image gives every service the port that its health check asks"
    load(OURS[name], environ)
    assert list(unknown_variables(OURS[name], environ)) == []


@pytest.mark.parametrize("name", OURS)
def test_with_tls_no_service_waives_its_protection(name: str) -> None:
    over = yaml.safe_load((PROJECT / "compose.tls.yaml").read_text("utf-8"))["services"]
    assert over.keys() == OURS.keys()
    [(source, target, mode)] = [volume.rsplit(":", 2) for volume in over[name]["volumes"]]
    assert (given(source), mode) == ("./certificates", "ro")
    environ = image_environment() | environment(name) | over[name]["environment"]
    settings: ChallengeSettings | EventHandlerSettings = load(OURS[name], environ)
    files = (settings.tls.certificate, settings.tls.private_key, settings.callers.file)
    assert [file and file.parent for file in files] == [Path(target)] * 3
    assert not settings.tls.allow_plaintext
    assert not settings.callers.allow_anonymous
    require_complete(settings)
    require_protection(settings)


def test_our_containers_are_confined() -> None:
    for name in (*OURS, "migrate"):
        service = SERVICES[name]
        assert (service["read_only"], service["cap_drop"]) == (True, ["ALL"])
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert "user" not in service, "the image has its own, a number"


def test_published_ports_are_the_defaults_of_the_services() -> None:
    for name, settings in OURS.items():
        ports = [variable.default for variable in variables(settings) if variable.name.endswith("_PORT")]
        defaults = [port for port in ports if port is not None]
        assert set(SERVICES[name]["ports"]) == {f"127.0.0.1:{port}:{port}" for port in defaults}
    assert not any("ports" in service for name, service in SERVICES.items() if name not in OURS)


def test_everything_that_is_named_exists() -> None:
    for name, service in SERVICES.items():
        assert ("build" in service) == (name in {*OURS, "migrate"})
        for other, condition in service.get("depends_on", {}).items():
            assert condition["condition"] != "service_healthy" or "healthcheck" in SERVICES[other]
        for source, *_ in (volume.split(":") for volume in service.get("volumes", [])):
            assert (PROJECT / source).exists() if source.startswith(".") else source in COMPOSE["volumes"]
    for line in INSTRUCTIONS:
        if line.startswith("COPY ") and "--from" not in line:
            assert all((PROJECT / source).exists() for source in line.split()[1:-1]), line


def test_roles_are_those_of_the_file_that_the_database_executes_first() -> None:
    roles = (PROJECT / "deploy" / "roles.sql").read_text("utf-8")
    assert "./deploy/roles.sql:/docker-entrypoint-initdb.d/roles.sql:ro" in SERVICES["postgres"]["volumes"]
    users = {name: urlsplit(environment(name)["DATABASE_URL"]) for name in (*OURS, "migrate")}
    assert {name: url.username for name, url in users.items()} == {
        "challenge-service": "challenge_service",
        "event-handler": "challenge_service",
        "migrate": "challenge_owner",
    }
    database = environment("postgres")
    assert database["PGOPTIONS"] == f"-c challenge.password={database['POSTGRES_PASSWORD']}"
    for url in users.values():
        assert f"'{url.username}'" in roles
        assert (url.hostname, url.port, url.path) == ("postgres", 5432, f"/{database['POSTGRES_DB']}")
        assert url.password == database["POSTGRES_PASSWORD"]


def test_the_image_has_every_module_that_its_processes_import(image: Path) -> None:
    programs = ("challenge_service", "event_handler", "reward_dispatcher", "admin")
    imports = "; ".join(f"import {program}.__main__" for program in programs)
    # Without `site` the project itself, which is installed in this environment, is not found.
    path = os.pathsep.join((python_path(image), sysconfig.get_path("purelib")))
    subprocess.run([sys.executable, "-S", "-c", imports], env={"PYTHONPATH": path}, cwd=image, check=True)


@pytest.mark.slow
def test_the_processes_of_the_image_serve_with_the_settings_of_compose(
    image: Path, own_postgres: EmbeddedPostgres, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert environment("postgres")["POSTGRES_DB"] == DATABASE
    with monkeypatch.context() as patched:
        patched.setenv("PGOPTIONS", environment("postgres")["PGOPTIONS"])
        schema.make_roles(own_postgres.url)
    server = urlsplit(own_postgres.url)

    def reachable(name: str) -> dict[str, str]:
        """Return the settings of a service with the addresses of these servers."""
        environ = image_environment() | environment(name)
        environ["DATABASE_URL"] = environ["DATABASE_URL"].replace(
            "@postgres:5432/", f"@{server.hostname}:{server.port}/"
        )
        ports = {name: "0" for name in environ if name.endswith("_HEALTH_PORT")}
        return environ | ports | {"REDIS_URL": redis_url, "BIND_ADDRESS": "127.0.0.1"}

    (_, *program) = SERVICES["migrate"]["command"]
    migrating = {**os.environ, **reachable("migrate"), "PYTHONPATH": python_path(image)}
    subprocess.run([sys.executable, *program], env=migrating, cwd=image, check=True)
    started = {}
    for name in OURS:
        _, _, module = SERVICES[name]["command"]
        environ = reachable(name)
        started[name] = CopiedProcess(image, module, environ.pop("DATABASE_URL"), **environ)
    with started["challenge-service"] as service, started["event-handler"] as handler:
        service.wait_until_serving()
        handler.wait_until_serving()
        assert service.challenges.InitializePlayer(InitializePlayerRequest(user_id="player")).created
        reported = handler.events.ReportEvent(ReportEventRequest(event=login(at=system_clock())))
        assert reported.result.verdict == Verdict.VERDICT_APPLIED
        assert service.stop() == handler.stop() == 0
