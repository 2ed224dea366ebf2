"""Meaning of database errors: the only module that reads SQLSTATEs.

https://www.postgresql.org/docs/current/errcodes-appendix.html
"""

from __future__ import annotations

from enum import Enum, auto

import psycopg

from shared.domain.errors import ChallengeError, DatabaseUnavailable, DeadlineExceeded
from shared.postgres.bounded_waits import ResponseTimeout, ServerSilent


class ContentRefused(Exception):
    """The database rejected the values themselves; the same work would fail again."""

    def __init__(self, error: psycopg.Error) -> None:
        super().__init__(str(error))
        self.evidence = {
            "sqlstate": error.sqlstate,
            "table": error.diag.table_name,
            "constraint": error.diag.constraint_name,
        }
        """Facts that may be logged."""
        self.detail = error.diag.message_detail
        """The rejected rows, with player ids in them. For DEBUG logs only."""


POOLER_CHANGED_SESSION = frozenset({"26000", "42P05"})
"""A prepared statement is missing or there already: a pooler has put another session under the connection."""


PREPARED_STATEMENTS_LOST = (
    "a connection pooler does not keep prepared statements: PgBouncer 1.21 or newer does, with max_prepared_statements"
)

_SCHEMA_STATES = frozenset(
    {
        "3F000",  # invalid_schema_name
        "42P01",  # undefined_table
        "42703",  # undefined_column
        "42704",  # undefined_object
        "42883",  # undefined_function
    }
)


class Failure(Enum):
    """Kinds of failure, by how to react."""

    CONNECTION_LOST = auto()
    """The connection is gone: the same work may succeed on another one."""
    CONFLICT = auto()
    """Deadlock or serialization failure: the same work may succeed on a retry."""
    CONTENT = auto()
    """The values themselves are rejected: the same work will fail again."""
    TIMEOUT = auto()
    """No response by the deadline."""
    SILENT = auto()
    """No response for so long that the process, which stops, waits no more."""
    LOCKED = auto()
    """Another session held a lock for too long. The database itself is well."""
    UNAVAILABLE = auto()
    """The server responds but cannot do it now: read-only, disk full, out of memory, starting up."""
    SCHEMA = auto()
    """A table, column, function or schema that the statement names does not exist: it is not migrated
    yet, or is being replaced."""
    DENIED = auto()
    """The role of the connection lacks a right."""
    BUG = auto()
    """The statement is wrong."""


def classify(error: psycopg.Error) -> Failure:
    """Return the kind of failure that an error stands for."""
    if isinstance(error, ServerSilent):
        return Failure.SILENT
    if isinstance(error, ResponseTimeout):
        return Failure.TIMEOUT
    state = error.sqlstate
    if state is None:
        return Failure.CONNECTION_LOST if isinstance(error, psycopg.OperationalError) else Failure.BUG
    if state[:2] == "08" or state in ("57P01", "57P02", "57P05", "25P03"):
        return Failure.CONNECTION_LOST
    if state in POOLER_CHANGED_SESSION:
        return Failure.UNAVAILABLE
    if state in ("40001", "40P01"):
        return Failure.CONFLICT
    if state == "55P03":
        return Failure.LOCKED
    if state[:2] in ("25", "53", "54", "55", "57", "58", "XX"):
        return Failure.UNAVAILABLE
    if state in _SCHEMA_STATES:
        return Failure.SCHEMA
    if state == "42501":
        return Failure.DENIED
    if state[:2] == "22":
        return Failure.CONTENT
    if state[:2] == "23":
        # A row that meets a partition being created violates a constraint without a name, and so does every row on a
        # cluster: a retry fits, and tells the two apart.
        return Failure.CONTENT if error.diag.constraint_name else Failure.CONFLICT
    return Failure.BUG


def violates_constraint(error: psycopg.Error) -> bool:
    """Return whether a row violates a constraint, which on a cluster has no name."""
    return (error.sqlstate or "").startswith("23")


def missing_right(error: Exception) -> str | None:
    """Return what the role may not do, in the words of the server; None if the error has another cause."""
    for each in (error, error.__cause__):
        if isinstance(each, psycopg.errors.InsufficientPrivilege):
            return each.diag.message_primary
    return None


def to_domain(failure: Failure) -> ChallengeError:
    """Return the error that callers see for a failure; not for CONTENT or BUG."""
    if failure is Failure.TIMEOUT:
        return DeadlineExceeded("the database did not respond in time; the outcome is unknown")
    if failure is Failure.LOCKED:
        return DatabaseUnavailable("another session of the database held a lock for too long")
    return DatabaseUnavailable()
