"""Partitions of the ledger are created ahead, dropped when old, and never block writers."""

from __future__ import annotations

import math
import threading
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import psycopg
import pytest

from shared.domain.errors import DatabaseUnavailable
from shared.domain.events import Event, Outcome, Verdict
from shared.domain.instant import DAY, HOUR, Day, to_date
from shared.operations.events.ledger_partitions import DAYS_AHEAD, LedgerPartitions
from shared.postgres.connection import Connection
from shared.postgres.events import ledger
from shared.postgres.events.ledger import ledger_key
from shared.postgres.events.ledger_partitions import PartitionChanges, days_without_partition, keep_partitions
from shared.postgres.migrations import migration_files
from shared.postgres.schema import migrate, roll_back
from tests.support.databases import connected, opened, soon
from tests.support.flushing import flush
from tests.support.goals import catalogue_of, goal
from tests.support.strategies import FIRST_DAY, KILLS
from tests.support.waiting import wait_until

HORIZON = 72 * HOUR
CATALOGUE = catalogue_of(goal())


def partitions(connection: Connection) -> list[str]:
    """Return the names of the partitions of single days."""
    rows = connection.execute(
        "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'event_seen'::regclass ORDER BY 1"
    ).fetchall()
    return [name for (name,) in rows if name != "event_seen_default"]


def named(first: Day, last: Day) -> list[str]:
    """Return the partition names of these days."""
    return [f"event_seen_{to_date(day):%Y%m%d}" for day in range(first, last + 1)]


def note(connection: Connection, days: Sequence[Day]) -> set[bytes]:
    """Record an event of each of these days as seen, and return the number of unseen ones."""
    events = [Event("id", "player", day * DAY, KILLS, delta=1) for day in days]
    return ledger.insert_unseen(connection, [ledger_key(event) for event in events]).unseen()


def keep(connection: Connection, first: Day, last: Day) -> PartitionChanges | None:
    """Run one pass in a transaction of its own."""
    with connection.transaction():
        return keep_partitions(connection, first, last, may_drop=True)


def test_missing_partitions_are_created_and_old_ones_dropped(either_connection: Connection) -> None:
    assert keep(either_connection, FIRST_DAY, FIRST_DAY + 4) == PartitionChanges(made=5, dropped=0)
    assert partitions(either_connection) == named(FIRST_DAY, FIRST_DAY + 4)
    assert keep(either_connection, FIRST_DAY + 2, FIRST_DAY + 6) == PartitionChanges(made=2, dropped=1)
    assert partitions(either_connection) == named(FIRST_DAY + 1, FIRST_DAY + 6)
    assert keep(either_connection, FIRST_DAY + 2, FIRST_DAY + 6) == PartitionChanges(made=0, dropped=1)
    assert partitions(either_connection) == named(FIRST_DAY + 2, FIRST_DAY + 6)
    assert keep(either_connection, FIRST_DAY + 2, FIRST_DAY + 6) == PartitionChanges(made=0, dropped=0)


def test_events_of_a_day_without_partition_move_to_it_later(either_connection: Connection) -> None:
    days = [FIRST_DAY, FIRST_DAY + 1, FIRST_DAY + 9]
    assert len(note(either_connection, days)) == 3
    assert days_without_partition(either_connection) == 3
    keep(either_connection, FIRST_DAY, FIRST_DAY + 1)
    assert days_without_partition(either_connection) == 1
    assert note(either_connection, days) == set()


def test_dropping_a_day_deletes_its_events(connection: Connection) -> None:
    keep(connection, FIRST_DAY, FIRST_DAY + 1)
    note(connection, [FIRST_DAY, FIRST_DAY + 1])
    keep(connection, FIRST_DAY + 1, FIRST_DAY + 1)
    assert connection.execute("SELECT event_day FROM event_seen").fetchall() == [(to_date(FIRST_DAY + 1),)]


def test_only_one_of_two_processes_maintains_partitions(connection: Connection, database_url: str) -> None:
    with connected(database_url) as other, connection.transaction():
        assert keep_partitions(connection, FIRST_DAY, FIRST_DAY) == PartitionChanges(made=1, dropped=0)
        assert keep(other, FIRST_DAY, FIRST_DAY + 5) is None
    assert partitions(connection) == named(FIRST_DAY, FIRST_DAY)


def test_a_missing_partition_is_unavailable_and_not_invalid(connection: Connection, database_url: str) -> None:
    connection.execute("ALTER TABLE event_seen DETACH PARTITION event_seen_default")
    event = Event("id", "player", FIRST_DAY * DAY, KILLS, delta=1)
    with opened(database_url, pool_size=1) as database:
        with pytest.raises(DatabaseUnavailable):
            flush(database, catalogue_of(goal()), [event], soon())
        connection.execute("ALTER TABLE event_seen ATTACH PARTITION event_seen_default DEFAULT")
        assert flush(database, catalogue_of(goal()), [event], soon()) == [Outcome(Verdict.APPLIED)]


@pytest.mark.parametrize("moment", [0, HOUR, DAY - 1])
def test_the_duty_keeps_accepted_days_and_those_ahead(connection: Connection, database_url: str, moment: int) -> None:
    now = FIRST_DAY * DAY + moment
    with opened(database_url, pool_size=1) as database:
        duty = LedgerPartitions(database, lambda: HORIZON, lambda: now)
        assert math.isnan(duty.days_without_partition)
        duty.one_pass()
        assert duty.days_without_partition == 0
        oldest_accepted = (now - HORIZON) // DAY
        # A day longer than accepted: an event is judged on arrival and stored a little later.
        assert partitions(connection) == named(oldest_accepted - 1, FIRST_DAY + DAYS_AHEAD)
        note(connection, [FIRST_DAY + DAYS_AHEAD + 1])
        duty.one_pass()
        assert duty.days_without_partition == 1


def test_events_that_arrive_while_partitions_are_created_are_all_applied(database_url: str) -> None:
    """A row that was routed to the default partition is written again, unnoticed by callers."""
    rounds, days_a_round, writers = 20, 3, 4
    verdicts, done = Counter[Verdict | None](), threading.Event()
    now_making = FIRST_DAY

    def write(writer: int) -> int:
        count = 0
        while not done.is_set():
            times = [(now_making + count % days_a_round) * DAY for _ in range(5)]
            events = [
                Event(f"{writer} {count} {number}", f"player {writer}", time, KILLS, delta=1)
                for number, time in enumerate(times)
            ]
            verdicts.update(outcome and outcome.verdict for outcome in flush(database, CATALOGUE, events, soon()))
            count += 1
        return 5 * count

    with opened(database_url, pool_size=writers + 1) as database, ThreadPoolExecutor(writers) as threads:
        writing = [threads.submit(write, writer) for writer in range(writers)]
        try:
            for round_ in range(rounds):
                now_making = FIRST_DAY + round_ * days_a_round
                wait_until(lambda: database.autocommit(days_without_partition, soon()))
                make = partial(keep_partitions, first=FIRST_DAY, last=now_making + days_a_round - 1)
                assert database.transact(make, soon()) == PartitionChanges(made=days_a_round, dropped=0)
        finally:
            done.set()
        sent = sum(each.result() for each in writing)
        assert verdicts == {Verdict.APPLIED: sent}
        assert database.autocommit(days_without_partition, soon()) == 0
    with connected(database_url) as connection:
        assert connection.execute("SELECT count(*) FROM event_seen").fetchall() == [(sent,)]
        assert connection.execute("SELECT sum(events)::bigint FROM tally").fetchall() == [(sent,)]
    print(f"\n{sent} events while {rounds * days_a_round} partitions were made: all applied")  # noqa: T201


def test_a_detached_partition_is_attached_again_with_its_events(either_connection: Connection) -> None:
    keep(either_connection, FIRST_DAY, FIRST_DAY + 1)
    note(either_connection, [FIRST_DAY])
    [name] = named(FIRST_DAY, FIRST_DAY)
    either_connection.execute(f"ALTER TABLE event_seen DETACH PARTITION {name}")
    # The default partition catches the day: one event that the detached partition knows, and one that it does not.
    other = ledger_key(Event("other", "player", FIRST_DAY * DAY, KILLS, delta=1))
    assert len(note(either_connection, [FIRST_DAY])) == 1
    assert len(ledger.insert_unseen(either_connection, [other]).unseen()) == 1
    assert keep(either_connection, FIRST_DAY, FIRST_DAY + 1) == PartitionChanges(made=1, dropped=0)
    assert partitions(either_connection) == named(FIRST_DAY, FIRST_DAY + 1)
    assert days_without_partition(either_connection) == 0
    assert note(either_connection, [FIRST_DAY]) == set()
    assert ledger.insert_unseen(either_connection, [other]).unseen() == set()
    assert keep(either_connection, FIRST_DAY, FIRST_DAY + 1) == PartitionChanges(made=0, dropped=0)


def test_a_day_that_was_detached_before_a_column_came_or_went_is_attached_again(database_url: str) -> None:
    [name] = named(FIRST_DAY, FIRST_DAY)
    newer = [path for path in migration_files() if path.stem >= "0041"]
    for change in (partial(roll_back, database_url, len(newer)), partial(migrate, database_url)):
        with connected(database_url) as connection:
            keep(connection, FIRST_DAY, FIRST_DAY)
            connection.execute(f"ALTER TABLE event_seen DETACH PARTITION {name}")
        change()
        with connected(database_url) as connection:
            assert keep(connection, FIRST_DAY, FIRST_DAY) == PartitionChanges(made=1, dropped=0)


def test_a_foreign_table_with_the_name_of_a_partition_is_an_error(connection: Connection) -> None:
    [name] = named(FIRST_DAY, FIRST_DAY)
    connection.execute(f"CREATE TABLE {name} (unrelated integer)")
    with pytest.raises(psycopg.Error):
        keep(connection, FIRST_DAY, FIRST_DAY)
    assert partitions(connection) == []


@pytest.mark.parametrize("migration", ["0010-detached-days.sql", "0010-detached-days.rollback.sql"])
def test_replacing_the_function_keeps_the_rights_it_runs_with(connection: Connection, migration: str) -> None:
    function = "make_event_seen_partition(date)"
    definer = f"SELECT prosecdef, proconfig FROM pg_proc WHERE oid = '{function}'::regprocedure"  # noqa: S608
    text = (Path(__file__).parents[2] / "migrations" / migration).read_text("utf-8")
    before = connection.execute(definer).fetchone()
    connection.execute(text)
    assert connection.execute(definer).fetchone() == before
    connection.execute(f"ALTER FUNCTION {function} SECURITY DEFINER SET search_path = public, pg_temp")
    connection.execute(text)
    assert connection.execute(definer).fetchone() == (True, ["search_path=public, pg_temp"])
