"""The same players before and after all their completions are packed: bytes, the CPU of packing, and that of a read."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

from bench.capacity_model import Relation
from bench.database import connected, statement, text
from bench.figures import Table, Unit, at_most, quotient
from bench.machine import thread_cpu_us
from bench.workbench import Setup, Workbench
from shared.domain.current_periods import CurrentPeriods, current_periods
from shared.domain.instant import DAY
from shared.operations.goals.pack_completions import past_periods_before
from shared.postgres.connection import Connection
from shared.postgres.goals import players, settled_completions
from shared.postgres.transaction import run_transaction
from shared.runtime.clock import system_clock

READ_PLAYERS = 200
PASSES = 12
LATER = 60 * DAY
"""After which all periods are over in which the players have completed anything."""
SHARE_MAX = 0.6

_SIZES = statement("relation_sizes")
_PLAYERS = statement("players_with_completions")


class _Read(NamedTuple):
    """The CPU of reading a player, in microseconds: the least of all passes."""

    thread_us: float
    postgres_us: float


def add_packed(bench: Workbench, table: Table, setup: Setup, count: int, relations: Sequence[Relation]) -> None:
    """Pack the completions of `count` players, and add what changes. `relations` are tables and indexes before."""
    rest = sum(each.bytes_a_player for each in relations if each.name.startswith(("standing", "tally")))
    now = system_clock()
    current = current_periods(setup.catalogue, now)
    with connected(setup.url) as connection:
        connection.execute("SET statement_timeout = 0")
        bench.say("capacity: claiming all completions")
        connection.run_script(text("claim_completions").encode())
        connection.execute("VACUUM (FULL, ANALYZE) completion")
        user_ids = [user_id for (user_id,) in _PLAYERS.rows(connection, count)]
        some = user_ids[:: max(1, len(user_ids) // READ_PLAYERS)]
        before_bytes, before = _bytes(connection, count), _read(connection, some, current)
        bench.say("capacity: packing")
        past = past_periods_before(setup.catalogue, now + LATER)
        pid = connection.info.backend_pid
        began, thread, postgres, packed = time.monotonic(), time.thread_time(), thread_cpu_us(pid), 0
        for user_id in user_ids:
            packed += run_transaction(
                connection, partial(settled_completions.pack, user_id=user_id, claimed_before=now + LATER, before=past)
            )
        took_s, postgres_us = time.monotonic() - began, thread_cpu_us(pid) - postgres
        thread_us = 1e6 * (time.thread_time() - thread)
        connection.execute("VACUUM (FULL, ANALYZE) completion")
        connection.execute("VACUUM (ANALYZE) settled_completion")
        after_bytes, after = _bytes(connection, count), _read(connection, some, current)
    share = quotient(after_bytes + rest, before_bytes + rest)
    each = f"of {packed:,}"
    table.add("bytes a player: completions, all claimed, in rows of their own", before_bytes, Unit.BYTES)
    table.add("bytes a player: the same completions, packed", after_bytes, Unit.BYTES, note=each)
    table.add(
        "completion, standing and tally of a player, packed relative to not", share, Unit.RATIO, at_most(SHARE_MAX)
    )
    table.add("packing a completion: CPU of Postgres", postgres_us / packed, Unit.MICROSECONDS, note=each)
    table.add("packing a completion: CPU of the thread", thread_us / packed, Unit.MICROSECONDS)
    table.add("packing a completion: time", 1e6 * took_s / packed, Unit.MICROSECONDS, note="one player after the other")
    for name, read in {"in rows of their own": before, "packed": after}.items():
        table.add(f"reading a player, completions {name}: CPU of Postgres", read.postgres_us, Unit.MICROSECONDS)
        table.add(f"reading a player, completions {name}: CPU of the thread", read.thread_us, Unit.MICROSECONDS)


def _bytes(connection: Connection, count: int) -> float:
    """Return the bytes of completions, packed and not, with indexes, for each of `count` players."""
    sizes = [
        size for stored, _, _, size, _ in _SIZES.rows(connection) if stored in ("completion", "settled_completion")
    ]
    return float(sum(sizes)) / count


def _read(connection: Connection, user_ids: Sequence[str], current: CurrentPeriods) -> _Read:
    passes = []
    for _ in range(PASSES):
        thread, postgres = time.thread_time(), thread_cpu_us(connection.info.backend_pid)
        for user_id in user_ids:
            players.read(connection, user_id, current)
        passes.append((1e6 * (time.thread_time() - thread), thread_cpu_us(connection.info.backend_pid) - postgres))
    return _Read(*(min(column) / len(user_ids) for column in zip(*passes, strict=True)))
