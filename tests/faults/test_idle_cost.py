"""The cost of idle services."""

from __future__ import annotations

import time
from contextlib import ExitStack

import psycopg
import pytest

from tests.support.service_process import ServiceProcess
from tests.support.waiting import wait_until

MEASURED_S = 30.0
TRANSACTIONS_MAX = 30.0
"""Transactions a second of twelve workers."""
SETTLED_S = 180.0
"""Seconds for twelve workers to start and take their catalogue into use on a busy machine, and one measurement."""


@pytest.mark.slow
def test_twelve_idle_workers_ask_the_database_thirty_times_a_second(database_url: str) -> None:
    with ExitStack() as stack, psycopg.connect(database_url, autocommit=True) as connection:
        for module in ("challenge_service", "event_handler"):
            for _ in range(3):
                stack.enter_context(ServiceProcess(module, database_url, "--workers", "2"))

        def committed() -> int:
            found = connection.execute("SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()")
            return int(found.fetchall()[0][0])

        def rate() -> float:
            before, started = committed(), time.monotonic()
            time.sleep(MEASURED_S)
            return (committed() - before) / (time.monotonic() - started)

        wait_until(lambda: 1 < rate() <= TRANSACTIONS_MAX, SETTLED_S)
