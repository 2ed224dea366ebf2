"""Parameters and results of statements, as libpq takes and gives them."""

from __future__ import annotations

import struct

import psycopg
from psycopg.abc import Buffer
from psycopg.adapt import Loader
from psycopg.errors import error_from_result
from psycopg.pq import ExecStatus, Format
from psycopg.pq.abc import PGresult

from shared.domain.instant import SECOND, Instant

_POSTGRES_EPOCH: Instant = 946_684_800 * SECOND
"""2000-01-01, the epoch of Postgres' binary format."""

_unpack = struct.Struct(">q").unpack
_GOOD = (ExecStatus.TUPLES_OK, ExecStatus.COMMAND_OK)


class InstantLoader(Loader):
    """Loader of a binary timestamptz as an `Instant`. Infinite timestamps are never stored."""

    format = Format.BINARY

    def load(self, data: Buffer) -> Instant:
        """Return microseconds since 1970."""
        return int(_unpack(data)[0]) + _POSTGRES_EPOCH


def checked(results: list[PGresult]) -> list[PGresult]:
    """Return the results. Raise the error of the first statement that failed."""
    for result in results:
        if result.status not in _GOOD:
            raise _error(result)
    return results


def transaction_id_of(result: PGresult) -> int:
    """Return a transaction's id, which is sent in binary."""
    return int.from_bytes(result.get_value(0, 0) or b"", "big")


def _error(result: PGresult) -> psycopg.Error:
    """Return the server's error without its detail: whole rows with player ids, which are logged only at DEBUG."""
    error = error_from_result(result)
    error.args = (error.diag.message_primary,)
    return error


def encoded(value: object) -> bytes | None:
    """Return a parameter in Postgres' text format."""
    # Nearly all are text: a claim has forty parameters.
    if type(value) is str:
        return value.encode()
    if value is None:
        return None
    if isinstance(value, bytes):
        return b"\\x" + value.hex().encode()
    return str(value).encode()
