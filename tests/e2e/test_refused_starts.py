"""A misconfigured service reports all problems, and exits with 2."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest

from challenge_service.settings import ChallengeSettings
from devstack.ports import LOOPBACK
from event_handler.settings import EventHandlerSettings
from shared.operations.redis_prefix import identify
from shared.runtime.settings import variables
from tests.support.databases import opened, soon
from tests.support.reserved_port import lasting_port
from tests.support.service_process import DEMO, PREFIXES, run_to_the_end

REFUSED = 2
SETTINGS = {"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/nothing", "CATALOGUE": str(DEMO)}

both_services = pytest.mark.parametrize("module", PREFIXES)


def free_ports(module: str) -> dict[str, str]:
    return {f"{PREFIXES[module]}_{kind}": str(lasting_port()) for kind in ("PORT", "METRICS_PORT")}


@both_services
def test_all_invalid_settings_are_reported_together(module: str) -> None:
    prefix = PREFIXES[module]
    wrong = {
        f"{prefix}_PORT": "70000",
        f"{prefix}_THREADS": "many",
        "DATABASE_POOL_SIZE": "0",
        "LOG_LEVEL": "LOUD",
        "GRACE_S": "nan",
    }
    ended = run_to_the_end(module, **wrong)
    assert ended.returncode == REFUSED
    for name in (*wrong, "DATABASE_URL", "CATALOGUE"):
        assert len([line for line in ended.stderr.splitlines() if line.startswith(f"{name} ")]) == 1, name
    assert "Traceback" not in ended.stderr


@both_services
def test_all_problems_of_the_catalogue_are_reported_together(module: str, tmp_path: Path) -> None:
    goal = {"id": "win", "name": "Win", "source": "stat", "stat": "wins", "count": "summ", "target": 0}
    catalogue = tmp_path / "catalogue.json"
    catalogue.write_text(
        json.dumps({"challenges": [{"id": "arena", "name": "Arena", "goals": [goal]}], "colour": "blue"})
    )
    ended = run_to_the_end(module, **free_ports(module), **SETTINGS | {"CATALOGUE": str(catalogue)})
    assert ended.returncode == REFUSED
    for problem in ("colour", "count", "target", "reward"):
        assert problem in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_missing_catalogue_file_is_named(tmp_path: Path) -> None:
    module, missing = "challenge_service", str(tmp_path / "nothing.yaml")
    ended = run_to_the_end(module, **free_ports(module), **SETTINGS | {"CATALOGUE": missing})
    assert ended.returncode == REFUSED
    assert missing in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize(
    ("command", "setting"),
    [
        ("challenge_service", "CHALLENGE_PORT"),
        ("challenge_service --workers 2", "CHALLENGE_METRICS_PORT"),
        ("event_handler", "EVENT_METRICS_PORT"),
        ("event_handler --workers 2", "EVENT_PORT"),
    ],
)
def test_a_busy_port_is_reported_with_its_setting(command: str, setting: str) -> None:
    module, *arguments = command.split()
    with socket.socket() as taken:
        taken.bind((LOOPBACK, 0))
        taken.listen()
        port = taken.getsockname()[1]
        ended = run_to_the_end(module, *arguments, **SETTINGS, **free_ports(module) | {setting: str(port)})
    assert ended.returncode == REFUSED
    assert f"port {port} is in use: set {setting}" in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize(
    ("module", "settings"), [("challenge_service", ChallengeSettings), ("event_handler", EventHandlerSettings)]
)
def test_every_setting_is_printed_with_its_value(module: str, settings: type) -> None:
    ended = run_to_the_end(module, "--settings", **SETTINGS)
    assert (ended.returncode, ended.stderr) == (0, "")
    for variable in variables(settings):
        assert variable.name in ended.stdout
    assert str(DEMO) in ended.stdout


def test_an_unknown_argument_is_refused_with_the_usage() -> None:
    module = "event_handler"
    ended = run_to_the_end(module, "--wokers", "2", **SETTINGS)
    assert ended.returncode == REFUSED
    assert f"usage: python -m {module}" in ended.stderr


@both_services
def test_a_key_prefix_that_differs_from_the_databases_is_refused(module: str, database_url: str) -> None:
    with opened(database_url, pool_size=1) as database:
        identify(database, "game-1:", soon())
    settings = SETTINGS | {"DATABASE_URL": database_url, "REDIS_URL": "redis://127.0.0.1:1/0"}
    ended = run_to_the_end(module, **free_ports(module), **settings)
    assert ended.returncode == REFUSED
    assert "REDIS_PREFIX is ''" in ended.stderr
    assert "'game-1:'" in ended.stderr
    assert "Traceback" not in ended.stderr


@both_services
def test_a_prefix_that_could_match_other_keys_is_refused(module: str) -> None:
    settings = SETTINGS | {"REDIS_URL": "redis://127.0.0.1:1/0", "REDIS_PREFIX": "*"}
    ended = run_to_the_end(module, **free_ports(module), **settings)
    assert ended.returncode == REFUSED
    assert "REDIS_PREFIX" in ended.stderr
    assert "Traceback" not in ended.stderr


@both_services
@pytest.mark.parametrize("show", [[], ["--settings"]], ids=["start", "--settings"])
def test_invalid_addresses_are_reported_without_their_passwords(module: str, show: list[str]) -> None:
    wrong = {
        "DATABASE_URL": "postgresql+psycopg://app:s3cretpw@host/game",
        "REDIS_URL": "redis://:p#s3cretpw@host",
        f"{PREFIXES[module]}_PORT": "tcp://10.0.0.7:50051",
    }
    ended = run_to_the_end(module, *show, CATALOGUE=str(DEMO), **wrong)
    assert ended.returncode == REFUSED
    assert [line.split()[0] for line in ended.stderr.splitlines()] == [f"{PREFIXES[module]}_PORT", *list(wrong)[:2]]
    assert "s3cretpw" not in ended.stderr + ended.stdout
    assert ended.stderr.count("correct is for example ") == 2


def test_misspelt_variables_are_shown_with_the_settings() -> None:
    ended = run_to_the_end("event_handler", "--settings", EVENT_HORIZON="72", **SETTINGS)
    assert ended.returncode == 0
    assert ended.stdout.endswith("\nEVENT_HORIZON is not a setting: EVENT_HORIZON_H?\n")
