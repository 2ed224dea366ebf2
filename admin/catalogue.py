"""`python -m admin catalogue …`: checks challenge definitions."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from admin.opening import deadline, secret
from admin.terminal import count_text, say, say_error
from shared.catalogue.compatibility import changes, incompatibilities
from shared.catalogue.loader import load, warnings_about
from shared.catalogue.problem import CatalogueInvalid, Problem
from shared.domain.catalogue import Catalogue
from shared.domain.errors import ChallengeError
from shared.operations.catalogue.catalogue_record import conflicts_with_record, record_warnings
from shared.operations.database_probe import probe_database
from shared.postgres.database import Database
from shared.rpc.response_sizes import size_warnings
from shared.runtime.address_checks import AddressInvalid, check_address
from shared.runtime.clock import system_clock


@click.group()
def catalogue() -> None:
    """Check challenge definitions."""


@catalogue.command(epilog="Problems go to standard error, one a line, and the exit status is then 1.")
@click.argument("path", type=click.Path(path_type=Path), help="A YAML or JSON file, or a folder of such files.")
@click.option(
    "--against",
    metavar="OLD",
    type=click.Path(path_type=Path),
    help="The catalogue that PATH is to replace: list the changes, and refuse those that are not allowed.",
)
@click.option(
    "--database",
    is_flag=True,
    help="Also compare with the catalogues that have run on the database at DATABASE_URL: refuse contradictions, and "
    "warn of ids that look like earlier ones.",
)
def check(path: Path, against: Path | None, *, database: bool) -> int:
    """Check a catalogue exactly as the services do when they load it."""
    new, problems = _load(path)
    old = None
    if against is not None:
        old, problems_of_old = _load(against)
        problems += problems_of_old
    if old is not None and new is not None:
        problems += incompatibilities(old, new, system_clock())
    warnings = [*warnings_about(path, new), *size_warnings(new)] if new is not None else []
    if database and new is not None:
        conflicts, warnings_of_record = _compared_with_record(new)
        problems += conflicts
        warnings += warnings_of_record
    for problem in dict.fromkeys(problems):
        say_error(str(problem))
    for warning in warnings:
        say_error(f"warning: {warning}")
    if problems or new is None:
        return 1
    challenges, goals = count_text(len(new.challenges), "challenge"), count_text(len(new.goals), "goal")
    say(f"ok: {challenges}, {goals}, version {new.version}")
    if old is not None:
        for change in changes(old, new) or ["nothing changes"]:
            say(change)
    return 0


def _load(path: Path) -> tuple[Catalogue | None, list[Problem]]:
    try:
        return load(path, pipe_allowed=True), []
    except CatalogueInvalid as invalid:
        return None, list(invalid.problems)


def _compared_with_record(catalogue: Catalogue) -> tuple[Sequence[Problem], Sequence[Problem]]:
    """Return why the catalogue may not run on the database, or why that cannot be known; and warnings."""
    url = secret("DATABASE_URL")
    if not url:
        return [Problem("", "is not set", "DATABASE_URL")], []
    try:
        check_address(url)
    except AddressInvalid as invalid:
        return [Problem("", str(invalid), "DATABASE_URL")], []
    database = Database(url, pool_size=1, application_name="admin catalogue")
    database.open()
    try:
        unfit = probe_database(database, by_service=False)
        if unfit is not None:
            return [Problem("", unfit, "DATABASE_URL")], []
        now = system_clock()
        conflicts = conflicts_with_record(database, catalogue, now, deadline())
        return conflicts, record_warnings(database, catalogue, now, deadline())
    except ChallengeError as error:
        return [Problem("", str(error), "DATABASE_URL")], []
    finally:
        database.close()
