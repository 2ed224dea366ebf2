"""The compose files, as Compose itself reads them, and what their containers of others are told."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from admin.__main__ import cli
from tests.support.service_process import PROJECT

FILES = sorted(PROJECT.glob("compose*.yaml"))
BASE = PROJECT / "compose.yaml"
USED = [(BASE,), *((BASE, each) for each in FILES if each != BASE)]
"""The files that belong together."""


def compose() -> list[str] | None:
    """Return the command of Compose, version 2 or newer, which needs no engine to read files; None without one."""
    named = os.environ.get("TEST_COMPOSE")
    for command in ([named],) if named else (["docker", "compose"], ["docker-compose"]):
        if shutil.which(command[0]) is not None:
            asked = subprocess.run([*command, "version", "--short"], capture_output=True, text=True, check=False)
            if asked.returncode == 0 and not asked.stdout.startswith(("1.", "v1.")):
                return command
    return None


COMPOSE = compose()
needs_compose = pytest.mark.skipif(COMPOSE is None, reason="Compose is neither on the PATH nor at TEST_COMPOSE")


def read_by_compose(files: tuple[Path, ...]) -> dict[str, Any]:
    """Return what Compose makes of the files."""
    assert COMPOSE is not None
    named = [argument for file in files for argument in ("--file", str(file))]
    done = subprocess.run(
        [*COMPOSE, *named, "config", "--format", "json"], capture_output=True, text=True, check=False, cwd=PROJECT
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == "", "a variable without a value, for example"
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@needs_compose
@pytest.mark.parametrize("files", USED, ids=lambda files: files[-1].stem)
def test_compose_takes_the_files_as_they_were_meant(files: tuple[Path, ...]) -> None:
    services = read_by_compose(files)["services"]
    for file in files:
        for name, service in yaml.safe_load(file.read_text("utf-8"))["services"].items():
            for variable, value in service.get("environment", {}).items():
                if "${" not in value:
                    assert services[name]["environment"][variable] == value
            if "command" in service:
                assert services[name]["command"] == service["command"]


def test_commands_of_ours_are_commands() -> None:
    for service in yaml.safe_load(BASE.read_text("utf-8"))["services"].values():
        if "build" not in service:
            continue
        python, option, module, *arguments = service["command"]
        assert (python, option) == ("python", "-m")
        assert (PROJECT / module / "__main__.py").is_file()
        if module == "admin":
            shown = CliRunner().invoke(cli, [*arguments, "--help"])
            assert shown.exit_code == 0
            assert shown.output.startswith(f"Usage: cli {' '.join(arguments)}")


VALKEY_SETTINGS = re.compile(r"--([a-z-]+)")


def test_valkey_knows_its_settings(redis_url: str) -> None:
    import redis

    command = yaml.safe_load(BASE.read_text("utf-8"))["services"]["valkey"]["command"]
    names = VALKEY_SETTINGS.findall(" ".join(command))
    assert len(names) == 3
    with redis.Redis.from_url(redis_url) as client:
        for name in names:
            assert name in client.config_get(name)
