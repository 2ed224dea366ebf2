"""The command as it is installed."""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from admin.__main__ import FAMILIES, SCRIPT, main


def parsers(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """The parser and those of all its commands."""
    yield parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for command in action.choices.values():
                yield from parsers(command)


def test_the_script_is_the_command_under_another_name() -> None:
    script = Path(sys.executable).with_name(SCRIPT)
    shown = subprocess.run([script, "boards", "--help"], capture_output=True, text=True, check=True)
    assert shown.stdout.startswith(f"usage: {SCRIPT} boards ")


def test_every_command_and_every_option_says_what_it_does() -> None:
    root = argparse.ArgumentParser()
    families = root.add_subparsers()
    for register in FAMILIES:
        register(families)
    silent = []
    for parser in parsers(root):
        parser.format_help()
        for action in parser._actions:
            if isinstance(action, argparse._SubParsersAction):
                silent += [f"{parser.prog} {each.dest}" for each in action._choices_actions if not each.help]
            elif not action.help:
                silent.append(f"{parser.prog} {action.option_strings or action.dest}")
    assert silent == []


def test_without_a_command_the_usage_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main([])
    assert left.value.code == 2
    assert "usage: python -m admin" in capsys.readouterr().err
