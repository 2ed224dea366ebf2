"""Parameters and results of statements, as libpq takes and gives them."""

from __future__ import annotations

import struct

import psycopg
from psycopg.abc import Buffer
from psycopg.adapt import AdaptersMap, Loader
from psycopg.errors import error_from_result
from psycopg.pq import ExecStatus, Format
from psycopg.pq.abc import PGresult

from shared.domain.instant import SECOND, Instant

_POSTGRES_EPOCH: Instant = 946_684_800 * SECOND
"""2000-01-01, the epoch of Postgres' binary format."""

_unpack = struct.Struct(">q").unpack
_STRETCH = struct.Struct(">9xi4xi")
"""A range of an int4multirange, which is [lower, upper): its size and flags, then the bounds, each behind its size."""
_GOOD = (ExecStatus.TUPLES_OK, ExecStatus.COMMAND_OK)


class InstantLoader(Loader):
    """Loader of a binary timestamptz as an `Instant`. Infinite timestamps are never stored."""

    format = Format.BINARY

    def load(self, data: Buffer) -> Instant:
        """Return microseconds since 1970."""
        return int(_unpack(data)[0]) + _POSTGRES_EPOCH


class DaysLoader(Loader):
    """Loader of a binary int4multirange as its literal: a cast in SQL is refused in some statements of a cluster."""

    format = Format.BINARY

    def load(self, data: Buffer) -> str:
        """Return a literal such as {[1,3),[7,8)}."""
        stretches = _STRETCH.iter_unpack(memoryview(data)[4:])
        return "{" + ",".join([f"[{first},{end})" for first, end in stretches]) + "}"


def register_loaders(adapters: AdaptersMap) -> None:
    """Let a connection load instants and days as the system has them."""
    adapters.register_loader("timestamptz", InstantLoader)
    adapters.register_loader("int4multirange", DaysLoader)


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
