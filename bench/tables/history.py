"""Settled grants in the outbox and in the history: their bytes, and the cost of a move."""

from __future__ import annotations

import time

from bench.database import connected, opened, statement
from bench.figures import Table, Unit, quotient
from bench.workbench import Workbench
from shared.domain.grants import Granted, RetryPolicy, settle
from shared.domain.instant import SECOND
from shared.operations.rewards.move_grants import GrantMoves
from shared.postgres.connection import Connection
from shared.postgres.database import Database
from shared.postgres.rewards import delivery_queue
from shared.postgres.rewards.delivery_queue import Lease, Settled
from shared.runtime.clock import system_clock

CLAIMS = 60_000
CLAIMS_A_ROUND = 3_000
PLAYERS = 1_000
LEASED = 100
PROVIDER = "grpc"
PATIENCE_S = 60.0
KEPT = 1
"""Grants move at once: they are kept in the outbox for a microsecond."""

_BYTES = b"""
SELECT
    pg_total_relation_size('reward_outbox'),
    (SELECT sum(pg_total_relation_size(relid)) FROM pg_partition_tree('settled_grant'))
"""


def measure_history(bench: Workbench) -> Table:
    """Measure bytes of a claim in both tables, and the time of a move."""
    table = Table(
        "history",
        "Settled grants in the outbox and in the history",
        f"{CLAIMS:,} claims of {PLAYERS:,} players with request ids, delivered in portions of {LEASED}; vacuumed "
        f"after each {CLAIMS_A_ROUND:,}. Bytes are those of the tables with their indexes.",
    )
    url = bench.empty_setup().url
    with connected(url) as connection, opened(url, pool_size=2) as database:
        for start in range(0, CLAIMS, CLAIMS_A_ROUND):
            bench.say(f"history: {start:,} of {CLAIMS:,} claims")
            statement("fill_claims").rows(connection, start, CLAIMS_A_ROUND, PLAYERS, system_clock() - SECOND)
            _deliver(database)
            connection.execute("VACUUM (ANALYZE) reward_outbox")
        in_outbox, _ = _bytes(connection)
        connection.execute("UPDATE grant_history SET begin_time = timestamptz 'epoch'")
        moves = GrantMoves(database, KEPT, 0, lambda _: False)
        begun = time.monotonic()
        moved = moves.one_pass(system_clock())
        move_us = 1e6 * (time.monotonic() - begun) / CLAIMS
        _, in_history = _bytes(connection)
    table.check("claims that were not moved", CLAIMS - moved)
    table.add("a claim in the outbox", quotient(in_outbox, CLAIMS), Unit.BYTES)
    table.add("a claim in the history", quotient(in_history, CLAIMS), Unit.BYTES)
    table.add("history relative to outbox", quotient(in_history, in_outbox), Unit.RATIO)
    table.add("move of a grant, in steps of 1,000", move_us, Unit.MICROSECONDS)
    return table


def _deliver(database: Database) -> None:
    while True:
        deadline, now = time.monotonic() + PATIENCE_S, system_clock()
        lease = Lease(PROVIDER, "bench", now + 60 * SECOND)
        due = database.autocommit(lambda each: delivery_queue.lease_due(each, lease, LEASED, now), deadline)  # noqa: B023
        if not due:
            return
        outcomes = [
            Settled(grant, settle(grant.attempt, grant.failures, Granted(), RetryPolicy(), 0.5, now)) for grant in due
        ]
        database.autocommit(lambda each: delivery_queue.settle(each, outcomes, now), deadline)  # noqa: B023


def _bytes(connection: Connection) -> tuple[int, int]:
    """Return the bytes of the outbox and of the history."""
    row = connection.execute(_BYTES, binary=True).fetchone()
    assert row is not None  # noqa: S101 - it is an aggregate
    return int(row[0]), int(row[1])
