"""What database errors mean: the one place that reads SQLSTATEs.

https://www.postgresql.org/docs/current/errcodes-appendix.html
"""

from __future__ import annotations

from enum import Enum, auto

import psycopg

from shared.domain.errors import ChallengeError, DatabaseUnavailable, DeadlineExceeded
from shared.postgres.connection import AnswerTimeout


class ContentRefused(Exception):
    """The database refuses the values themselves; the same work would fail again."""

    def __init__(self, error: psycopg.Error) -> None:
        super().__init__(str(error))
        self.evidence = {
            "sqlstate": error.sqlstate,
            "table": error.diag.table_name,
            "constraint": error.diag.constraint_name,
        }
        """What may be logged of it."""
        self.detail = error.diag.message_detail
        """What was refused: whole rows, with players' ids in them. For logs at level DEBUG alone."""


class Failure(Enum):
    """What can be done about a failed statement."""

    CONNECTION_LOST = auto()
    """The connection is gone: the same work may succeed on another one."""
    CONFLICT = auto()
    """Deadlock or serialization failure: the same work may succeed when it is done again."""
    CONTENT = auto()
    """The values themselves are refused: the same work will fail again."""
    TIMEOUT = auto()
    """No answer by the deadline."""
    UNAVAILABLE = auto()
    """The server answers but cannot do it now: read-only, disk full, out of memory, starting up."""
    BUG = auto()
    """The statement does not fit the schema."""


def classify(error: psycopg.Error) -> Failure:
    """What can be done about it."""
    if isinstance(error, AnswerTimeout):
        return Failure.TIMEOUT
    state = error.sqlstate
    if state is None:
        return Failure.CONNECTION_LOST if isinstance(error, psycopg.OperationalError) else Failure.BUG
    if state[:2] == "08" or state in ("57P01", "57P02", "57P05", "25P03"):
        return Failure.CONNECTION_LOST
    if state in ("40001", "40P01"):
        return Failure.CONFLICT
    if state[:2] in ("25", "53", "54", "55", "57", "58", "XX"):
        return Failure.UNAVAILABLE
    if state[:2] == "22":
        return Failure.CONTENT
    if state[:2] == "23":
        # Only a row that meets a partition in the making violates a constraint without a name: next time it fits.
        return Failure.CONTENT if error.diag.constraint_name else Failure.CONFLICT
    return Failure.BUG


def violated_constraint(error: psycopg.Error) -> str | None:
    """The name of the constraint that a row violated."""
    return error.diag.constraint_name


def to_domain(error: psycopg.Error) -> ChallengeError | None:
    """The error that callers see; None for a bug, which they see as such."""
    match classify(error):
        case Failure.TIMEOUT:
            return DeadlineExceeded("the database did not answer in time; the outcome is unknown")
        case Failure.CONNECTION_LOST | Failure.CONFLICT | Failure.UNAVAILABLE:
            return DatabaseUnavailable()
        case Failure.CONTENT | Failure.BUG:
            return None
