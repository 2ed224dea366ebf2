"""The command as it is installed."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import click
import pytest

from admin.__main__ import SCRIPT, cli, main


def commands(group: click.Group, path: str = "") -> Iterator[tuple[str, click.Command]]:
    """Yield the commands of a group and of all groups in it, with their paths."""
    for name, command in group.commands.items():
        yield f"{path} {name}", command
        if isinstance(command, click.Group):
            yield from commands(command, f"{path} {name}")


def test_the_script_is_the_command_under_another_name() -> None:
    script = Path(sys.executable).with_name(SCRIPT)
    shown = subprocess.run([script, "boards", "--help"], capture_output=True, text=True, check=True)
    assert shown.stdout.startswith(f"Usage: {SCRIPT} boards ")


def test_every_command_is_listed_with_its_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    listed = {line.split()[0] for line in capsys.readouterr().out.partition("Commands:")[2].splitlines() if line}
    assert listed >= {
        "audit",
        "boards",
        "catalogue",
        "migrate",
        "optimize",
        "player",
        "points",
        "recalculate",
        "report",
        "rewards",
        "roles",
        "stats",
        "verify",
    }


def test_every_command_and_every_option_has_a_help_text() -> None:
    silent = [path for path, command in commands(cli) if not command.help]
    for path, command in commands(cli):
        silent += [
            f"{path} {parameter.name}"
            for parameter in command.params
            if not (isinstance(parameter, click.Option | click.Argument) and parameter.help)
        ]
    assert silent == []


def test_without_a_command_the_usage_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main([])
    assert left.value.code == 2
    assert "Usage: python -m admin" in capsys.readouterr().err


def test_the_version_is_that_of_the_package(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"{version('challenge-backend')}\n"


@pytest.mark.parametrize(
    "command", [["boards", "list"], ["migrate"], ["optimize", "--full"], ["report"], ["rewards", "list"]]
)
def test_an_invalid_address_is_refused_with_an_example(
    command: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql+psycopg://app:s3cretpw@host/game")
    monkeypatch.setenv("CATALOGUE", "catalogues/demo.yaml")
    with pytest.raises(SystemExit) as left:
        main(command)
    assert left.value.code == 2
    assert capsys.readouterr().err == (
        "DATABASE_URL has the scheme 'postgresql+psycopg', must be 'postgresql'; "
        "correct is for example postgresql://user:password@host:5432/database\n"
    )


def test_a_database_that_cannot_be_reached_is_reported_in_one_line_by_migrate(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://app:s3cretpw@127.0.0.1:1/game")
    with pytest.raises(SystemExit) as left:
        main(["migrate"])
    assert left.value.code == 1
    assert capsys.readouterr().err.startswith('connection failed: connection to server at "127.0.0.1", port 1 failed')
