"""The write-ahead log that a flush of events writes, by one connection with nothing else going on."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

from bench.database import statement
from bench.machine import thread_cpu_us
from shared.domain.catalogue import Catalogue
from shared.domain.events import Event
from shared.domain.grants import Granting
from shared.operations.events.apply_events import Applied, apply_events
from shared.postgres.connection import Connection
from shared.postgres.transaction import run_transaction
from shared.runtime.clock import system_clock

_POSITION = statement("wal_position")
_SETTING = statement("set_wal_compression")


class Written(NamedTuple):
    """The log and the work of an event, on average."""

    wal_bytes: float
    images: float
    """Images of whole pages: a page is written whole when it is first changed after a checkpoint."""
    postgres_cpu_us: float
    """CPU of the backend in microseconds."""


def write(connection: Connection, catalogue: Catalogue, batches: Sequence[Sequence[Event]], *, cold: bool) -> Written:
    """Apply batches, each by one transaction. `cold` begins with a checkpoint, so that no page was changed since."""
    if cold:
        connection.execute("CHECKPOINT")
    pid, *before = _position(connection)
    begun_us = thread_cpu_us(pid)
    for events in batches:
        run_transaction(connection, partial(_apply, catalogue=catalogue, events=events))
    took_us = thread_cpu_us(pid) - begun_us
    _, position, images = _position(connection)
    count = sum(map(len, batches))
    return Written((position - before[0]) / count, (images - before[1]) / count, took_us / count)


def compress_wal(connection: Connection, method: str) -> None:
    """Set `wal_compression` for the session."""
    _SETTING.rows(connection, method)


def _apply(connection: Connection, catalogue: Catalogue, events: Sequence[Event]) -> Applied:
    return apply_events(connection, catalogue, events, Granting(system_clock()), expect_unseen=True)


def _position(connection: Connection) -> tuple[int, int, int]:
    # Only a statement of its own makes the counters of this session count in the next one.
    connection.execute("SELECT pg_stat_force_next_flush()")
    pid, position, images = _POSITION.rows(connection)[0]
    return pid, int(position), images
