"""The identity of the database, to which everything in Redis belongs."""

from __future__ import annotations

from typing import NamedTuple


class DatabaseIdentity(NamedTuple):
    """The identity and history of the database."""

    key: str
    """The name of the database in keys of Redis. It changes when the database is restored or cloned."""
    timeline: str
    """Changes when the newest transactions may have been lost, as by a promotion; empty where that is not known."""
    redis_prefix: str | None
    """The agreed prefix of all keys in Redis; None before the first process that uses Redis."""
