"""Days of the ledger are dropped only when they are due by both clocks and all horizons, and for good."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from shared.domain.events import Event, Outcome, Verdict
from shared.domain.instant import DAY, HOUR, SECOND, Day, Instant, day_of
from shared.operations.events.ledger_partitions import DAYS_AHEAD, keep_ledger_partitions
from shared.postgres.connection import Connection
from shared.postgres.database import Database
from shared.postgres.events import event_horizons, ledger
from shared.postgres.events.ledger_partitions import days_without_partition, keep_partitions
from shared.postgres.leaderboards.leaderboard_periods import next_to_end
from shared.runtime.clock import system_clock
from tests.support.databases import connected, opened, soon
from tests.support.flushing import flush
from tests.support.goals import catalogue_of, goal
from tests.support.strategies import KILLS
from tests.support.waiting import wait_until

HORIZON = 72 * HOUR
CATALOGUE = catalogue_of(goal(target=1_000))
TODAY = day_of(system_clock())
NOON = TODAY * DAY + 12 * HOUR
TOO_OLD = Outcome(Verdict.TOO_OLD, reason="event_time: is of a day whose event ids are no longer kept")


def event_of(day: Day) -> Event:
    return Event(f"event of {day}", "player", day * DAY + HOUR, KILLS, delta=3)


def days_held(connection: Connection) -> list[Day]:
    """Return the days that have a partition."""
    rows = connection.execute(
        "SELECT to_date(right(relname, 8), 'YYYYMMDD') - date 'epoch' FROM pg_class"
        " WHERE relname ~ '^event_seen_[0-9]{8}$' AND relkind = 'r' ORDER BY 1"
    ).fetchall()
    return [day for (day,) in rows]


def make(connection: Connection, first: Day, last: Day) -> None:
    with connection.transaction():
        keep_partitions(connection, first, last)


def drop_all_due(database: Database, horizon: Instant, now: Instant) -> None:
    """Run passes of the duty until none drops anything any more."""
    for _ in range(20):
        keep_ledger_partitions(database, horizon, now, soon())


def test_days_that_are_due_go_one_a_pass(either_connection: Connection, either_database_url: str) -> None:
    make(either_connection, TODAY - 8, TODAY)
    with opened(either_database_url, pool_size=1) as database:
        for dropped in (1, 2, 3, 4, 4):
            keep_ledger_partitions(database, HORIZON, NOON, soon())
            assert (
                min(days_held(either_connection))
                == ledger.read_refused(either_connection, ()).first_day
                == TODAY - 8 + dropped
            )


@pytest.mark.parametrize("ahead", [10 * DAY, 10_000 * DAY], ids=["10 days", "27 years"])
def test_a_process_whose_clock_is_ahead_drops_nothing_that_is_accepted(
    connection: Connection, database_url: str, ahead: Instant
) -> None:
    make(connection, TODAY - 4, TODAY + 3)
    today = event_of(TODAY)
    with opened(database_url, pool_size=2) as database:
        assert flush(database, CATALOGUE, [today], soon()) == [Outcome(Verdict.APPLIED)]
        database.autocommit(lambda connection: event_horizons.renew(connection, HORIZON), soon())
        days_ahead = day_of(NOON + ahead - HORIZON) - 1
        for _ in range(12):
            database.transact(
                lambda connection: keep_partitions(connection, days_ahead, days_ahead + 3, may_drop=True), soon()
            )
        assert set(range(TODAY - 4, TODAY + 4)) <= set(days_held(connection))
        assert flush(database, CATALOGUE, [today], soon()) == [Outcome(Verdict.DUPLICATE)]


def test_a_process_whose_clock_is_behind_drops_nothing_and_makes_no_dropped_day(
    connection: Connection, database_url: str
) -> None:
    make(connection, TODAY - 8, TODAY + 3)
    with opened(database_url, pool_size=1) as database:
        drop_all_due(database, HORIZON, NOON)
        held = days_held(connection)
        drop_all_due(database, HORIZON, NOON - 10 * DAY)
        assert days_held(connection) == held


def test_while_the_clocks_differ_nothing_is_dropped(connection: Connection, database_url: str) -> None:
    make(connection, TODAY - 8, TODAY)
    with opened(database_url, pool_size=1) as database:
        keep_ledger_partitions(database, HORIZON, NOON, soon(), may_drop=False)
    assert days_held(connection)[0] == TODAY - 8


@pytest.mark.parametrize("kept", ["in partitions", "in the default partition"])
def test_a_dropped_day_accepts_nothing_any_more_whatever_the_horizon(
    connection: Connection, database_url: str, kept: str
) -> None:
    make(connection, TODAY - 8, TODAY - 7)
    make(connection, TODAY - 6 if kept == "in partitions" else TODAY - 5, TODAY)
    old, new = event_of(TODAY - 6), event_of(TODAY - 1)
    with opened(database_url, pool_size=1) as database:
        assert flush(database, CATALOGUE, [old, new], soon()) == [Outcome(Verdict.APPLIED)] * 2
        drop_all_due(database, 6 * HOUR, NOON)
        assert flush(database, CATALOGUE, [old], soon()) == [TOO_OLD]
        never_seen = old._replace(event_id="another")
        assert flush(database, CATALOGUE, [never_seen, new, never_seen], soon()) == [
            TOO_OLD,
            Outcome(Verdict.DUPLICATE),
            TOO_OLD,
        ]
        # Raising the horizon brings no dropped day back.
        drop_all_due(database, 20 * 24 * HOUR, NOON)
        assert flush(database, CATALOGUE, [old, never_seen], soon()) == [TOO_OLD, TOO_OLD]
    assert connection.execute("SELECT sum(sum)::bigint, sum(events)::bigint FROM tally").fetchone() == (6, 2)


def test_a_handler_with_a_smaller_horizon_drops_nothing_that_another_accepts(
    connection: Connection, database_url: str
) -> None:
    make(connection, TODAY - 8, TODAY)
    with opened(database_url, pool_size=1) as database:
        database.autocommit(lambda connection: event_horizons.renew(connection, HORIZON), soon())
        drop_all_due(database, 6 * HOUR, NOON)
        assert min(days_held(connection)) == day_of(system_clock() - HORIZON) - 1


def age_horizons(connection: Connection, hours: int) -> None:
    connection.execute("UPDATE event_horizon SET renew_time = renew_time - $1::bigint * interval '1 hour'", (hours,))


def test_a_horizon_that_was_not_renewed_for_a_day_does_not_count(connection: Connection) -> None:
    now = system_clock()
    event_horizons.renew(connection, HORIZON)
    event_horizons.renew(connection, 6 * HOUR)
    assert event_horizons.in_force(connection, now) == HORIZON
    age_horizons(connection, 23)
    assert event_horizons.in_force(connection, now) == HORIZON
    age_horizons(connection, 2)
    assert event_horizons.in_force(connection, now) == 0
    event_horizons.renew(connection, 6 * HOUR)
    assert event_horizons.in_force(connection, now) == 6 * HOUR


def test_a_clock_that_jumped_ahead_makes_no_horizon_expire(connection: Connection) -> None:
    event_horizons.renew(connection, HORIZON)
    assert event_horizons.in_force(connection, system_clock() + 10 * DAY) == HORIZON
    # As if the database's clock had jumped ahead since it was renewed: the process's says that it was just now.
    age_horizons(connection, 240)
    assert event_horizons.in_force(connection, system_clock() - 240 * HOUR) == HORIZON


def test_a_horizon_is_written_once_an_hour(connection: Connection) -> None:
    def renew_time() -> object:
        return connection.execute("SELECT renew_time FROM event_horizon").fetchall()

    event_horizons.renew(connection, HORIZON)
    written = renew_time()
    event_horizons.renew(connection, HORIZON)
    assert renew_time() == written
    age_horizons(connection, 2)
    event_horizons.renew(connection, HORIZON)
    assert renew_time() != written


def test_a_handler_of_the_release_before_drops_by_the_same_rules(connection: Connection) -> None:
    make(connection, TODAY - 8, TODAY + 3)
    event_horizons.renew(connection, HORIZON)
    # Its clock is 10 days ahead.
    for _ in range(12):
        connection.execute("SELECT drop_event_seen_partitions(date 'epoch' + $1::integer)", (TODAY + 6,))
    assert min(days_held(connection)) == day_of(system_clock() - HORIZON) - 1


def test_an_event_that_waits_for_its_day_to_be_dropped_is_too_old(connection: Connection, database_url: str) -> None:
    make(connection, TODAY - 8, TODAY)
    with connected(database_url) as dropping, ThreadPoolExecutor(1) as thread, opened(database_url, 1) as database:
        dropping.execute("BEGIN")
        keep_partitions(dropping, TODAY - 4, TODAY, may_drop=True)
        waiting = thread.submit(flush, database, CATALOGUE, [event_of(TODAY - 8)], soon())
        blocked = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query ~ 'event_seen'"
        wait_until(lambda: connection.execute(blocked).fetchall())
        dropping.execute("COMMIT")
        assert waiting.result() == [TOO_OLD]
        assert flush(database, CATALOGUE, [event_of(TODAY - 7)], soon()) == [Outcome(Verdict.APPLIED)]


def test_a_day_that_cannot_be_dropped_keeps_no_other_from_being_created(
    connection: Connection, database_url: str
) -> None:
    make(connection, TODAY - 8, TODAY)
    [(oldest,)] = connection.execute(
        "SELECT min(inhrelid::regclass::text) FROM pg_inherits WHERE inhparent = 'event_seen'::regclass"
    ).fetchall()
    connection.execute(f"CREATE VIEW of_an_analyst AS SELECT * FROM {oldest}")  # noqa: S608
    with opened(database_url, pool_size=1) as database:
        with pytest.raises(psycopg.errors.DependentObjectsStillExist):
            keep_ledger_partitions(database, HORIZON, NOON, soon())
        assert max(days_held(connection)) == TODAY + DAYS_AHEAD
        connection.execute("DROP VIEW of_an_analyst")
        keep_ledger_partitions(database, HORIZON, NOON, soon())
        assert min(days_held(connection)) == TODAY - 7


def test_rows_without_a_partition_go_with_their_day(connection: Connection, database_url: str) -> None:
    with opened(database_url, pool_size=1) as database:
        days = [TODAY - 20, TODAY - 6, TODAY + 9]
        assert len(ledger.insert_unseen(connection, [ledger.ledger_key(event_of(day)) for day in days]).unseen()) == 3
        make(connection, TODAY - 5, TODAY)
        assert days_without_partition(connection) == 3
        drop_all_due(database, HORIZON, NOON)
        assert days_without_partition(connection) == 1, "a day ahead is kept"
        assert flush(database, CATALOGUE, [event_of(day) for day in days], soon()) == [
            TOO_OLD,
            TOO_OLD,
            Outcome(Verdict.DUPLICATE),
        ]


def test_a_ranking_is_final_only_by_both_clocks_and_all_horizons(connection: Connection) -> None:
    now = system_clock()
    connection.execute(
        "INSERT INTO leaderboard (board_id, measure, scope, scope_id, schedule, ascending)"
        " VALUES ('weekly', 'points', 'all', '', 'week/UTC', false)"
    )
    connection.execute(
        "INSERT INTO leaderboard_period (board_id, period_start, period_end)"
        " VALUES ('weekly', instant($1), instant($2))",
        (now - 10 * DAY, now - 2 * DAY),
    )

    def is_due(process_time: Instant, horizon: Instant) -> bool:
        return next_to_end(connection, process_time, horizon, HOUR) is not None

    assert is_due(now, 46 * HOUR)
    assert not is_due(now, 47 * HOUR + SECOND)
    assert not is_due(now + 10 * DAY, 72 * HOUR), "the database's clock says that its events are accepted still"
    assert not is_due(now - DAY, 46 * HOUR)
    event_horizons.renew(connection, 72 * HOUR)
    assert not is_due(now, 6 * HOUR), "another handler accepts its events still"
