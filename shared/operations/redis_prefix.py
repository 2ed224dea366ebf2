"""The prefix of keys in Redis, agreed in the database by all processes of a deployment."""

from __future__ import annotations

from shared.domain.database_identity import DatabaseIdentity
from shared.postgres import database_identity
from shared.postgres.database import Database


def identify(database: Database, prefix: str, deadline: float) -> DatabaseIdentity:
    """Return the identity of the database. The first process that uses Redis sets the prefix.

    Raise `DatabaseUnavailable`, `DeadlineExceeded` or `Overloaded`.
    """
    identity = database.autocommit(database_identity.read, deadline)
    if identity.redis_prefix is None:
        identity = database.transact(lambda connection: database_identity.agree(connection, prefix), deadline)
    return identity


def prefix_problem(identity: DatabaseIdentity, prefix: str) -> str | None:
    """Return why the prefix may not be used with this database; None if it may."""
    if identity.redis_prefix in (None, prefix):
        return None
    return (
        f"REDIS_PREFIX is {prefix!r}, but keys of this database begin with {identity.redis_prefix!r}: set the same "
        "prefix, or change it for all processes with `python -m admin identity renew --redis-prefix`"
    )
