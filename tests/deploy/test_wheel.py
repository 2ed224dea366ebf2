"""The wheel holds everything that the services and the operators' command need."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from challenge.v1.challenge_service_pb2 import ListChallengesRequest

from devstack.postgres import EmbeddedPostgres
from tests.support.service_process import PROJECT, CopiedProcess

pytestmark = pytest.mark.slow
LEFT_OUT = (
    ".git",
    ".venv",
    ".tools",
    ".data",
    ".site",
    "build",
    "dist",
    "tests",
    "*.egg-info",
    ".*_cache",
    "__pycache__",
)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the contents of a wheel, built from a copy of the project."""
    source, wheels, folder = (tmp_path_factory.mktemp(name) for name in ("source", "wheels", "installed"))
    shutil.copytree(PROJECT, source, dirs_exist_ok=True, ignore=shutil.ignore_patterns(*LEFT_OUT))
    options = ["--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", str(wheels)]
    subprocess.run([sys.executable, "-m", "pip", "wheel", *options, "."], cwd=source, check=True)
    [wheel] = wheels.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


def test_it_migrates_and_serves(installed: Path, own_postgres: EmbeddedPostgres) -> None:
    environ = {**os.environ, "DATABASE_URL": own_postgres.url, "PYTHONPATH": str(installed)}
    for command in ("roles", "migrate"):
        subprocess.run([sys.executable, "-m", "admin", command], cwd=installed, env=environ, check=True)
    for module in ("challenge_service", "event_handler"):
        with CopiedProcess(installed, module, own_postgres.url) as service:
            service.wait_until_serving()
            if module == "challenge_service":
                assert service.challenges.ListChallenges(ListChallengesRequest(user_id="zoe")).challenges


def test_it_has_every_file_of_the_packages_that_are_run(installed: Path) -> None:
    for package in (
        "shared",
        "admin",
        "challenge_service",
        "event_handler",
        "event_source",
        "reward_dispatcher",
        "migrations",
    ):
        there = {
            path.relative_to(PROJECT)
            for path in (PROJECT / package).rglob("*")
            if path.suffix in (".py", ".sql", ".lua")
        }
        assert there
        assert {path for path in there if not (installed / path).exists()} == set()


def test_it_has_nothing_that_is_not_run_in_production(installed: Path) -> None:
    folders = {path.name for path in installed.iterdir()}
    assert folders & {"attack", "bench", "demo", "devstack", "docsite", "load_generator", "tests"} == set()
