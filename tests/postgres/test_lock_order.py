"""Rows are locked in the order of their keys, however they are passed, so that no two transactions deadlock."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

import psycopg
import pytest

from shared.domain.events import CompletionKey, Event
from shared.domain.instant import LIFETIME_START
from shared.domain.schedules import LIFETIME
from shared.domain.standings import CompletionRecord, ScopeKind, Standing, StandingKey
from shared.domain.tally import Tally, TallyKey
from shared.postgres.connection import Connection
from shared.postgres.events import ledger, tallies
from shared.postgres.events.ledger import ledger_key
from shared.postgres.goals import completions
from shared.postgres.statistics import standings
from tests.support.databases import connected
from tests.support.strategies import KILLS
from tests.support.waiting import wait_until

LOCKS: dict[str, Callable[[Connection, Sequence[str]], object]] = {
    "ledger": lambda connection, user_ids: ledger.insert_unseen(
        connection, [ledger_key(Event("id", user_id, 0, KILLS, delta=1)) for user_id in user_ids]
    ).unseen(),
    "tally": lambda connection, user_ids: tallies.merge(
        connection, {TallyKey(user_id, KILLS): Tally() for user_id in user_ids}
    ),
    "standing": lambda connection, user_ids: standings.merge(
        connection,
        {StandingKey(user_id, LIFETIME.text, LIFETIME_START, ScopeKind.ALL, ""): Standing() for user_id in user_ids},
    ),
    "completion": lambda connection, user_ids: completions.insert_missing(
        connection, {CompletionKey(user_id, "win", LIFETIME_START, 1): CompletionRecord() for user_id in user_ids}
    ),
}


def waits_for_a_lock(observer: Connection, connection: Connection) -> bool:
    """Return whether the connection is blocked by another one."""
    row = observer.execute(
        "SELECT wait_event_type = 'Lock' FROM pg_stat_activity WHERE pid = $1", (connection.info.backend_pid,)
    ).fetchone()
    return row is not None and bool(row[0])


@pytest.mark.parametrize("lock", LOCKS.values(), ids=list(LOCKS))
def test_lower_keys_are_locked_first(database_url: str, lock: Callable[[Connection, Sequence[str]], object]) -> None:
    with connected(database_url) as blocker, connected(database_url) as second, connected(database_url) as third:
        blocker.execute("BEGIN")
        lock(blocker, ["b"])
        second.execute("BEGIN")
        waiting = threading.Thread(target=lock, args=(second, ["b", "a"]))
        waiting.start()
        try:
            wait_until(lambda: waits_for_a_lock(third, second))
            third.execute("SET lock_timeout = '50ms'")
            with pytest.raises(psycopg.errors.LockNotAvailable):
                lock(third, ["a"])
        finally:
            blocker.execute("ROLLBACK")
            waiting.join()
        second.execute("ROLLBACK")
        lock(third, ["a", "b"])
