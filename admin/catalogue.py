"""Commands on catalogues."""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

from shared.catalogue.compatibility import changes, incompatibilities
from shared.catalogue.loader import load
from shared.catalogue.problem import CatalogueInvalid, Problem
from shared.domain.catalogue import Catalogue
from shared.domain.errors import ChallengeError
from shared.operations.catalogue.catalogue_record import conflicts_with_record
from shared.operations.database_probe import probe_database
from shared.postgres.database import Database

DEADLINE_S = 10.0


def register(families: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `catalogue` and its commands."""
    family = families.add_parser(
        "catalogue", help="check challenge definitions", description="Commands on challenge definitions."
    )
    commands = family.add_subparsers(title="commands", metavar="COMMAND", required=True)
    command = commands.add_parser(
        "check",
        help="check a catalogue, alone or against those that it follows",
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
    command.add_argument(
        "--database",
        action="store_true",
        help="refuse as well what contradicts the catalogues that have run on the database at DATABASE_URL",
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
    if arguments.database and new is not None:
        problems += _conflicts_with_record(new)
    for problem in dict.fromkeys(problems):
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


def _conflicts_with_record(catalogue: Catalogue) -> list[Problem]:
    """Why the catalogue may not run on the database; what keeps us from knowing is a problem as well."""
    url = os.environ.get("DATABASE_URL")
    if not url:
        return [Problem("", "is not set", "DATABASE_URL")]
    database = Database(url, pool_size=1, application_name="admin catalogue")
    database.open()
    try:
        unfit = probe_database(database)
        if unfit is not None:
            return [Problem("", unfit, "DATABASE_URL")]
        return conflicts_with_record(database, catalogue, time.monotonic() + DEADLINE_S)
    except ChallengeError as error:
        return [Problem("", str(error), "DATABASE_URL")]
    finally:
        database.close()


def _number(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
