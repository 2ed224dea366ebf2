"""The container image, built and started, where an engine and a base image are."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator

import grpc
import pytest
from challenge.v1.challenge_service_pb2 import ListChallengesRequest
from challenge.v1.challenge_service_pb2_grpc import ChallengeServiceStub

from devstack.ports import LOOPBACK
from devstack.postgres import EmbeddedPostgres
from tests.deploy.containers import Image, base_image, missing
from tests.support.reserved_port import ReservedPort
from tests.support.service_process import PROJECT
from tests.support.waiting import wait_until

pytestmark = pytest.mark.slow
DOCKERFILE = (PROJECT / "Dockerfile").read_text("utf-8")


@pytest.fixture(scope="module")
def image() -> Iterator[Image]:
    """Yield the built image, or skip."""
    if reason := missing():
        pytest.skip(reason)
    built = Image()
    yield built
    built.remove()


def test_it_runs_as_an_unprivileged_number_that_can_write_nothing_of_it(image: Image) -> None:
    script = "id -u; id -g; touch /app/x /venv/x /sbom.cdx.json 2>/dev/null && echo written || true"
    assert image.output("sh", "-c", script).split() == ["10001", "10001"]
    if image.is_read_only:
        script = "for folder in / /tmp /var/tmp /app /home; do touch $folder/x 2>/dev/null && echo $folder; done; true"
        assert image.output("sh", "-c", script) == ""


def test_it_has_no_compiler_and_nothing_of_the_tests(image: Image) -> None:
    script = "for name in cc gcc c++ make protoc; do command -v $name || true; done; ls"
    assert image.output("sh", "-c", script).split() == [
        "admin",
        "catalogues",
        "challenge_service",
        "deploy",
        "event_handler",
        "event_source",
        "generated",
        "migrations",
        "reward_dispatcher",
        "shared",
    ]


def test_it_has_its_health_check_whichever_engine_builds_it(image: Image) -> None:
    kind, program, *_ = image.health_check()
    assert (kind, program) == ("CMD", "python")


def test_it_says_which_base_it_has(image: Image) -> None:
    assert image.labels()["org.opencontainers.image.base.name"] == base_image()


def test_its_bill_of_materials_names_what_is_installed(image: Image) -> None:
    components = json.loads(image.output("cat", "/sbom.cdx.json"))["components"]
    kinds: dict[str, set[tuple[str, str]]] = {"pkg:pypi": set(), "pkg:deb": set(), "pkg:generic": set()}
    for component in components:
        if "purl" in component:
            kind = component["purl"].partition("/")[0]
            kinds[kind].add((component["name"].lower().replace("_", "-"), component["version"]))
    requirements = (PROJECT / "requirements.txt").read_text("utf-8")
    pinned = set(re.findall(r"^([a-z0-9._-]+)==([^ ;]+)", requirements, re.MULTILINE))
    assert {name for name, _ in kinds["pkg:pypi"]} >= {"grpcio", "psycopg", "protobuf", "pydantic"}
    assert kinds["pkg:pypi"] <= pinned
    # The packages of the base are listed, too.
    query = ("dpkg-query", "--show", "--showformat", "${Package} ${Version}\\n")
    installed = {tuple(line.split()) for line in image.output(*query).splitlines()}
    assert {name for name, _ in installed} >= {"libc6"}
    assert kinds["pkg:deb"] == installed
    version = image.output("python", "-c", "import platform; print(platform.python_version())").strip()
    assert kinds["pkg:generic"] == {("python", version)}


def test_its_service_migrates_serves_and_passes_its_health_check(image: Image, own_postgres: EmbeddedPostgres) -> None:
    database = {"DATABASE_URL": own_postgres.url}
    assert "applied: 0001-player-progress" in image.output("python", "-m", "admin", "migrate", **database)
    ports = ReservedPort(), ReservedPort()
    environ = {
        **database,
        "BIND_ADDRESS": LOOPBACK,
        "CHALLENGE_PORT": str(ports[0].number),
        "CHALLENGE_METRICS_PORT": "0",
        "CHALLENGE_HEALTH_PORT": str(ports[1].number),
    }
    check = DOCKERFILE.partition("HEALTHCHECK")[2].partition("CMD")[2].strip()
    command = [part.replace(":8080/", f":{ports[1].number}/") for part in json.loads(check)]
    with image.running("python", "-m", "challenge_service", **environ) as process:
        address = f"{LOOPBACK}:{ports[0].number}"
        with grpc.insecure_channel(address, [("grpc.max_reconnect_backoff_ms", 500)]) as channel:
            listed = ChallengeServiceStub(channel).ListChallenges(
                ListChallengesRequest(user_id="zoe"), timeout=60, wait_for_ready=True
            )
            assert listed.challenges
        wait_until(lambda: process.poll() is None)
        assert image.output(*command) == "", shlex.join(command)
    for port in ports:
        port.close()
