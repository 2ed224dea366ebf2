"""`python -m admin identity …`: shows and renews the identity of the database, to which keys in Redis belong."""

from __future__ import annotations

import click

from admin.arguments import acts, redis_prefix
from admin.opening import deadline, open_database, read
from admin.terminal import say
from shared.domain.database_identity import DatabaseIdentity
from shared.domain.operator_acts import Acting, ActKind, OperatorAct
from shared.postgres import database_identity
from shared.postgres.connection import Connection
from shared.postgres.operators import operator_audit


@click.group()
def identity() -> None:
    """Show or renew the identity of the database.

    Keys in Redis carry it, so that no leaderboard is read from what Redis remembers of another state of the database.
    """


@identity.command("show")
def show_identity() -> None:
    """Show the key that names this database in Redis, and the prefix of its keys."""
    with open_database("identity") as database:
        _say(read(database, database_identity.read))


@identity.command()
@click.option(
    "--redis-prefix",
    "prefix",
    type=redis_prefix,
    help="Also change the prefix of keys in Redis.",
)
@acts
def renew(prefix: str | None, acting: Acting) -> None:
    """Give the database another identity: after it was restored or cloned.

    Services may run meanwhile. Within seconds they use other keys, and build their rankings from the database.
    """

    def work(connection: Connection) -> DatabaseIdentity:
        before = database_identity.read(connection)
        renewed = database_identity.renew(connection, acting.time, prefix)
        details = {"before": before._asdict(), "after": renewed._asdict()}
        operator_audit.note(connection, OperatorAct(ActKind.IDENTITY_RENEW, acting, details=details))
        return renewed

    with open_database("identity") as database:
        _say(database.transact(work, deadline()))


def _say(known: DatabaseIdentity) -> None:
    say(f"key in Redis: {known.key}")
    say(f"timeline of the server: {known.timeline or 'not known'}")
    say("prefix of keys in Redis: " + ("not agreed yet" if known.redis_prefix is None else repr(known.redis_prefix)))
