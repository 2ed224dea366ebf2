"""The identity of the database: read, renewed, and the prefix of keys in Redis agreed."""

from __future__ import annotations

from shared.domain.database_identity import DatabaseIdentity
from shared.domain.instant import Instant
from shared.postgres.connection import Connection
from shared.postgres.statements import statement

_READ = statement("read_database_identity")
_AGREE = statement("agree_redis_prefix")
_REPLACE = statement("replace_redis_prefix")
_RENEW = statement("renew_database_identity")


def read(connection: Connection) -> DatabaseIdentity:
    """Return the identity as it is now."""
    return DatabaseIdentity._make(_READ.only_row(connection))


def agree(connection: Connection, prefix: str) -> DatabaseIdentity:
    """Set the prefix of keys in Redis unless one is agreed, and return the identity."""
    _AGREE.rows(connection, prefix)
    return read(connection)


def renew(connection: Connection, now: Instant, prefix: str | None = None) -> DatabaseIdentity:
    """Give the database another identity, and another prefix if one is given, and return it."""
    _RENEW.rows(connection, now)
    if prefix is not None:
        _REPLACE.rows(connection, prefix)
    return read(connection)
