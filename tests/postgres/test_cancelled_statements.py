"""A statement that is abandoned at its caller's deadline is cancelled, and costs its connection only where it must."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from shared.domain.errors import ChallengeError, DeadlineExceeded
from shared.postgres import statement_canceller
from shared.postgres.connection import Connection
from shared.postgres.database import Database
from shared.postgres.database_telemetry import DatabaseTelemetry
from shared.runtime.telemetry import Telemetry
from tests.support.busy_machine import LATE_S
from tests.support.databases import PATIENCE_S, connected, soon
from tests.support.proxy import proxy_to
from tests.support.unstalled_clock import unstalled_s
from tests.support.waiting import wait_until

ROUNDS = 200


class OneConnection:
    """A database whose pool has a single connection, and its metrics."""

    def __init__(self, url: str) -> None:
        self.telemetry = Telemetry()
        self.database = Database(
            url, pool_size=1, application_name="tests", telemetry=DatabaseTelemetry(self.telemetry)
        )

    def backend(self) -> int:
        return int(self.database.autocommit(lambda connection: number(connection, b"SELECT pg_backend_pid()"), soon()))

    def abandoned(self, connection: str) -> float:
        labels = {"connection": connection}
        return self.telemetry.registry.get_sample_value("abandoned_statements_total", labels) or 0.0


def number(connection: Connection, query: bytes) -> int:
    (result,) = connection.run_script(query)
    return int(result.get_value(0, 0) or 0)


def sleep(connection: Connection) -> None:
    connection.run_script(b"SELECT pg_sleep(30)")


@pytest.fixture
def one(database_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[OneConnection]:
    """Yield a pool that cancels statements even if the machine is busy for a moment, instead of closing connections."""
    monkeypatch.setattr(statement_canceller, "SETTLE_S", PATIENCE_S)
    opened = OneConnection(database_url)
    opened.database.open()
    yield opened
    opened.database.close()


def test_an_abandoned_statement_is_cancelled_and_its_connection_kept(one: OneConnection) -> None:
    before = one.backend()
    started = unstalled_s()
    with pytest.raises(DeadlineExceeded):
        one.database.autocommit(sleep, soon(0.1))
    assert unstalled_s() - started < 0.1 + LATE_S
    assert one.backend() == before
    assert (one.abandoned("kept"), one.abandoned("closed")) == (1, 0)


def test_an_abandoned_transaction_is_rolled_back(one: OneConnection, database_url: str) -> None:
    before = one.backend()
    with connected(database_url) as connection:
        connection.execute("CREATE TABLE kept (n int)")

    def insert_and_sleep(connection: Connection) -> None:
        connection.run_script(b"INSERT INTO kept VALUES (1)")
        sleep(connection)

    with pytest.raises(DeadlineExceeded):
        one.database.transact(insert_and_sleep, soon(0.2))
    assert one.database.transact(lambda connection: number(connection, b"SELECT count(*) FROM kept"), soon()) == 0
    assert one.backend() == before


def test_a_commit_is_never_cancelled(one: OneConnection, database_url: str) -> None:
    before = one.backend()
    with connected(database_url) as connection:
        connection.execute("CREATE TABLE kept (n int)")
        connection.execute("SELECT pg_advisory_lock(1)")
        connection.execute(
            "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN PERFORM pg_advisory_xact_lock_shared(1); RETURN NULL; END $$"
        )
        connection.execute(
            "CREATE CONSTRAINT TRIGGER slow AFTER INSERT ON kept DEFERRABLE INITIALLY DEFERRED"
            " FOR EACH ROW EXECUTE FUNCTION slow()"
        )

        # The deadline passes while the commit waits for the lock, not before: the insert itself takes a millisecond.
        with pytest.raises(ChallengeError):
            one.database.transact(lambda connection: connection.run_script(b"INSERT INTO kept VALUES (1)"), soon(2.0))
        connection.execute("SELECT pg_advisory_unlock(1)")
        wait_until(lambda: connection.execute("SELECT count(*) FROM kept").fetchone() == (1,))
    assert one.backend() != before
    assert one.abandoned("kept") == 0


def test_a_cancellation_never_hits_the_next_statement(one: OneConnection) -> None:
    """Statements end around their deadlines, so that many cancellations come too late."""
    before = one.backend()
    abandoned = 0
    for turn in range(ROUNDS):
        seconds = 0.004 + turn % 10 * 0.0002
        query = f"SELECT pg_sleep({seconds:.4f})".encode()
        try:
            one.database.autocommit(lambda connection, query=query: connection.run_script(query), soon(0.006))  # type: ignore[misc]
        except DeadlineExceeded:
            abandoned += 1
        assert one.database.autocommit(lambda connection: number(connection, b"SELECT 42"), soon()) == 42
    assert abandoned > 0
    assert one.backend() == before
    assert one.abandoned("closed") == 0


def test_a_server_that_does_not_respond_costs_the_connection(database_url: str) -> None:
    with proxy_to(database_url) as (hop, url):
        one = OneConnection(url)
        one.database.open()
        before = one.backend()
        hop.freeze()
        with pytest.raises(DeadlineExceeded):
            one.database.autocommit(sleep, soon(0.1))
        wait_until(lambda: one.abandoned("closed") == 1)
        hop.thaw()
        assert wait_until(one.backend) != before
        one.database.close()
