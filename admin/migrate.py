"""`python -m admin migrate` and `roles`: bring the schema and the roles of the database up to date."""

from __future__ import annotations

import click

from admin.arguments import count_option
from admin.opening import database_address, stop
from admin.terminal import say
from shared.postgres import schema

BACK_MAX = 1_000


@click.command()
def roles() -> None:
    """Make the roles of the database, as a superuser: deploy/roles.sql."""
    try:
        schema.make_roles(database_address())
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
def migrate(back: int | None) -> None:
    """Apply the migrations that the database at DATABASE_URL lacks."""
    url = database_address()
    try:
        names, done = (schema.migrate(url), "applied") if back is None else (schema.roll_back(url, back), "undone")
    except schema.MigrationRefused as refusal:
        stop(str(refusal))
    for name in names:
        say(f"{done}: {name}")
    if not names:
        say("nothing to do")
