"""Commands on catalogues."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from shared.catalogue.compatibility import changes, incompatibilities
from shared.catalogue.loader import load
from shared.catalogue.problem import CatalogueInvalid, Problem
from shared.domain.catalogue import Catalogue


def register(families: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `catalogue` and its commands."""
    family = families.add_parser(
        "catalogue", help="check challenge definitions", description="Commands on challenge definitions."
    )
    commands = family.add_subparsers(title="commands", metavar="COMMAND", required=True)
    command = commands.add_parser(
        "check",
        help="check a catalogue, alone or against the one that it follows",
        description="Checks a catalogue exactly as the services do when they load it.",
        epilog="Problems go to standard error, one a line, and the exit status is then 1.",
    )
    command.add_argument("path", metavar="PATH", type=Path, help="a YAML or JSON file, or a folder of such files")
    command.add_argument(
        "--against",
        metavar="OLD",
        type=Path,
        help="the catalogue that PATH is to follow: list what changes, and refuse what may not change",
    )
    command.set_defaults(run=check)


def check(arguments: argparse.Namespace) -> int:
    """Say that the catalogue is fine and what is new in it, or everything that is wrong with it."""
    new, problems = _load(arguments.path)
    old = None
    if arguments.against is not None:
        old, problems_of_old = _load(arguments.against)
        problems += problems_of_old
    if old is not None and new is not None:
        problems += incompatibilities(old, new)
    for problem in problems:
        print(problem, file=sys.stderr)
    if problems or new is None:
        return 1
    print(f"ok: {_number(len(new.challenges), 'challenge')}, {_number(len(new.goals), 'goal')}, version {new.version}")
    if old is not None:
        for change in changes(old, new) or ["nothing changes"]:
            print(change)
    return 0


def _load(path: Path) -> tuple[Catalogue | None, list[Problem]]:
    try:
        return load(path), []
    except CatalogueInvalid as invalid:
        return None, list(invalid.problems)


def _number(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
