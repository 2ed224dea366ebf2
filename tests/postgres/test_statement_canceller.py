"""The thread that cancels abandoned statements goes on after an error, and gives every connection back."""

from __future__ import annotations

from shared.postgres.connection import Connection
from shared.postgres.statement_canceller import StatementCanceller
from tests.support.databases import connected
from tests.support.waiting import wait_until


def test_an_error_ends_neither_the_thread_nor_the_connections_way_back(database_url: str) -> None:
    returned: list[Connection] = []
    counted: list[bool] = []

    def settled(kept: bool) -> None:
        counted.append(kept)
        if len(counted) == 1:
            raise ValueError("a metric that fails")

    canceller = StatementCanceller(returned.append, settled)
    canceller.start()
    with connected(database_url) as first, connected(database_url) as second:
        for connection in (first, second):
            connection.pgconn.send_query(b"SELECT pg_sleep(600)")
            connection.unsettled = True
            canceller.add(connection)
        wait_until(lambda: len(returned) == 2)
        canceller.close()
    assert returned == [first, second]
