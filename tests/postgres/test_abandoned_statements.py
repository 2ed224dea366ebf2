"""A statement that is abandoned at its deadline also ends in the server."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from shared.domain.errors import DeadlineExceeded
from shared.postgres.connection import Connection
from tests.support.busy_machine import BUSY_FACTOR
from tests.support.databases import connected, opened, soon
from tests.support.services import rows
from tests.support.waiting import wait_until

DEADLINE_S = 0.3
ENDED_WITHIN_S = 5.0 * BUSY_FACTOR
"""Ten times the server's check interval on an idle machine."""
LOCK = 4_711

RUNNING = """
SELECT count(*)::int FROM pg_stat_activity
WHERE state = 'active' AND (query LIKE 'SELECT pg_sleep%%' OR query LIKE 'SELECT pg_advisory_xact_lock%%')
"""


def sleep(connection: Connection) -> None:
    """Run a statement that works longer than its deadline."""
    connection.run_script(b"SELECT pg_sleep(600)")


def wait_for_lock(connection: Connection) -> None:
    """Run a statement that waits for a lock."""
    connection.run_script(b"SELECT pg_advisory_xact_lock(%d)" % LOCK)


@pytest.mark.parametrize("work", [sleep, wait_for_lock])
def test_an_abandoned_statement_ends_in_the_server(
    either_database_url: str, work: Callable[[Connection], None]
) -> None:
    with opened(either_database_url, pool_size=2) as database, connected(either_database_url) as holder:
        holder.run_script(b"SELECT pg_advisory_lock(%d)" % LOCK)
        with pytest.raises(DeadlineExceeded):
            database.autocommit(work, time.monotonic() + DEADLINE_S)
        wait_until(lambda: rows(either_database_url, RUNNING) == [(0,)], ENDED_WITHIN_S)
        assert database.autocommit(lambda connection: connection.run_script(b"SELECT 1"), soon())
