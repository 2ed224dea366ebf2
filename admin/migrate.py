"""`python -m admin migrate` and `roles`: bring the schema and the roles of the database up to date."""

from __future__ import annotations

import click

from admin.arguments import acts, count_option
from admin.opening import database_address, stop
from admin.terminal import say
from shared.domain.operator_acts import Acting
from shared.postgres import schema
from shared.postgres.schema_wait import SchemaBehind, wait_until_migrated

BACK_MAX = 1_000
WAIT_MAX_S = 86_400


@click.command()
@acts
def roles(acting: Acting) -> None:
    """Make the roles of the database, as a superuser: deploy/roles.sql."""
    try:
        schema.make_roles(database_address(), acting)
    except schema.MigrationRefused as refusal:
        stop(str(refusal))
    say("the roles are there; deploy/roles.sql says what each is for")


@click.command()
@count_option(
    "--back",
    1,
    BACK_MAX,
    None,
    "Undo the newest N migrations instead. Their tables are dropped with all that they hold.",
)
@count_option(
    "--wait",
    1,
    WAIT_MAX_S,
    None,
    "Change nothing, and wait at most so long until another run has applied all migrations of this release.",
    metavar="SECONDS",
)
@acts
def migrate(back: int | None, wait: int | None, acting: Acting) -> None:
    """Apply the migrations that the database at DATABASE_URL lacks."""
    if back is not None and wait is not None:
        raise click.UsageError("--back and --wait exclude each other")
    url = database_address()
    if wait is not None:
        _wait(url, wait)
        return
    try:
        if back is None:
            names, done = schema.migrate(url, acting), "applied"
        else:
            names, done = schema.roll_back(url, back, acting), "undone"
    except schema.MigrationRefused as refusal:
        stop(str(refusal))
    for name in names:
        say(f"{done}: {name}")
    if not names:
        say("nothing to do")


def _wait(url: str, timeout_s: int) -> None:
    try:
        wait_until_migrated(url, timeout_s)
    except SchemaBehind as problem:
        stop(str(problem))
    say("the schema is up to date")
