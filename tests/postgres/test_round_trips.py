"""The number of round trips of a transaction."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import pytest

from shared.domain.current_periods import current_periods
from shared.domain.errors import DeadlineExceeded
from shared.domain.events import Event, Verdict
from shared.domain.goal import Counting, Credit
from shared.domain.instant import DAY
from shared.domain.progress import is_active
from shared.domain.streaks import Streak, StreakRule
from shared.operations.goals.activate import set_goal_active
from shared.operations.goals.view_player import view_player
from shared.operations.rewards.claim import claim_reward
from shared.postgres.connection import Connection
from shared.postgres.database import Database
from shared.postgres.sqlstates import ContentRefused
from shared.postgres.statements import statement
from tests.support.databases import connected, opened, soon
from tests.support.flushing import flush
from tests.support.goals import catalogue_of, goal
from tests.support.proxy import proxy_to
from tests.support.round_trips import RoundTrips
from tests.support.services import rows
from tests.support.strategies import FIRST_DAY, KILLS

NOW = FIRST_DAY * DAY
CATALOGUE = catalogue_of(*(goal(f"kill {target}", target=target) for target in (1, 5)))
FIRST_DAY_OF_THE_LEDGER = statement("first_ledger_day")
TRANSACTION_STATUS = statement("transaction_status")


def report(database: Database, event_id: str) -> Verdict | None:
    """Flush one event and return its verdict."""
    (outcome,) = flush(database, CATALOGUE, [Event(event_id, "player", NOW, KILLS, delta=1)], soon())
    return None if outcome is None else outcome.verdict


def test_a_flush_begins_with_its_first_statement(database_url: str) -> None:
    with proxy_to(database_url) as (proxy, url), opened(url, pool_size=1) as database:
        report(database, "completes the first goal")
        report(database, "prepares")
        assert report(database, "prepares") is Verdict.DUPLICATE
        round_trips = RoundTrips()
        proxy.drop_reply(after=round_trips)
        for event_id, verdict, expected in (
            ("completes nothing", Verdict.APPLIED, 2),  # ledger and tallies; COMMIT
            ("completes nothing", Verdict.DUPLICATE, 5),  # the same with ROLLBACK; ledger; first day; COMMIT
            ("the fourth", Verdict.APPLIED, 2),
            ("the fifth", Verdict.APPLIED, 4),  # the same, and assignments and completions; standings with COMMIT
        ):
            before = round_trips.count
            assert report(database, event_id) is verdict
            assert round_trips.count - before == expected, event_id


def test_an_activation_takes_two_round_trips(database_url: str) -> None:
    with proxy_to(database_url) as (proxy, url), opened(url, pool_size=1) as database:

        def switch(goal_id: str, active: bool) -> int:
            before = round_trips.count
            view = set_goal_active(database, CATALOGUE, "player", CATALOGUE.goals[goal_id], active, NOW, soon())
            assert is_active(CATALOGUE.goals[goal_id], view.assignments.get(goal_id), None) is active
            return round_trips.count - before

        round_trips = RoundTrips()
        switch("kill 1", False)
        report(database, "prepares")
        switch("kill 1", True)
        proxy.drop_reply(after=round_trips)
        assert switch("kill 5", False) == 2
        assert switch("kill 5", True) == 2
        # Nothing is stored: the second one rolls back.
        assert switch("kill 5", True) == 2
        switch("kill 5", False)
        for number in range(4):
            report(database, f"completes nothing while the goal is inactive {number}")
        # Lock and read; choice and completion; standings and COMMIT.
        assert switch("kill 5", True) == 3


def test_a_claim_takes_two_round_trips(database_url: str) -> None:
    with proxy_to(database_url) as (proxy, url), opened(url, pool_size=1) as database:

        def claim(user_id: str, goal_id: str, request_id: str | None = None) -> int:
            before = round_trips.count
            claimed = claim_reward(database, CATALOGUE, user_id, CATALOGUE.goals[goal_id], request_id, NOW, soon())
            assert claimed.key.goal_id == goal_id
            return round_trips.count - before

        round_trips = RoundTrips()
        for user_id in ("prepares", "player"):
            for number in range(5):
                event = Event(str(number), user_id, NOW, KILLS, delta=1)
                flush(database, CATALOGUE, [event], soon())
            claim(user_id, "kill 1", "request")
        claim("prepares", "kill 5")
        claim("prepares", "kill 1", "request")
        proxy.drop_reply(after=round_trips)
        assert claim("player", "kill 5", "another request") == 2
        # Lock and read; ROLLBACK; the earlier claim.
        assert claim("player", "kill 1", "request") == 3


def test_baselines_are_read_once_a_target_would_be_reached_without_them(database_url: str) -> None:
    from_then_on = replace(goal("from then on", target=4, default_assigned=False), credit=Credit.FROM_ASSIGNMENT)
    catalogue = catalogue_of(from_then_on, goal("much later", target=100))
    with proxy_to(database_url) as (proxy, url), opened(url, pool_size=1) as database:
        round_trips = RoundTrips()
        needed = []
        for number in range(6):
            before = round_trips.count
            flush(database, catalogue, [Event(f"{number}", "player", NOW, KILLS, delta=1)], soon())
            needed.append(round_trips.count - before)
            if not number:
                proxy.drop_reply(after=round_trips)
        assert needed[1:3] == [2, 2]
        # The statement is prepared when it is first executed.
        assert needed[5] == 3


def test_a_view_with_streaks_takes_one_round_trip(database_url: str) -> None:
    days = replace(goal("days", counting=Counting.STREAK, target=2), streak=StreakRule())
    catalogue = catalogue_of(days)
    with proxy_to(database_url) as (proxy, url), opened(url, pool_size=1) as database:
        flush(database, catalogue, [Event("1", "player", NOW, KILLS, delta=1)], soon())
        view_player(database, "player", soon(), current_periods(catalogue, NOW))
        round_trips = RoundTrips()
        proxy.drop_reply(after=round_trips)
        view = view_player(database, "player", soon(), current_periods(catalogue, NOW))
        assert view.streak_of(days) == Streak(1, 1)
        assert round_trips.count == 1


def test_a_deferred_statement_fails_where_the_next_one_is_executed(database_url: str) -> None:
    """Nothing is committed, and the connection serves the next transaction."""

    def fail(connection: Connection, *, then: Callable[[Connection], object]) -> None:
        TRANSACTION_STATUS.defer(connection, "no number")
        then(connection)

    with opened(database_url, pool_size=1) as database:
        backend = database.autocommit(lambda connection: connection.info.backend_pid, soon())
        for then in (nothing, by_script, by_cursor, FIRST_DAY_OF_THE_LEDGER.value):
            with pytest.raises(ContentRefused):
                database.transact(partial(fail, then=then), soon())
            with pytest.raises(ContentRefused):
                database.autocommit(partial(fail, then=then), soon())
            assert database.transact(by_script, soon()) == "done"
        assert database.autocommit(lambda connection: connection.info.backend_pid, soon()) == backend


def nothing(_connection: Connection) -> str:
    """Execute no statement."""
    return "done"


def by_script(connection: Connection) -> str:
    """Execute a script, which is not prepared."""
    (result,) = connection.run_script(b"SELECT 'done'")
    return (result.get_value(0, 0) or b"").decode()


def by_cursor(connection: Connection) -> str:
    """Execute a statement as psycopg does."""
    ((done,),) = connection.execute("SELECT 'done'").fetchall()
    return str(done)


@pytest.mark.parametrize("work", [nothing, by_script, by_cursor])
def test_any_first_statement_belongs_to_the_transaction(database_url: str, work: Callable[[Connection], str]) -> None:
    def working(connection: Connection) -> str:
        done = work(connection)
        connection.run_script(b"CREATE TABLE left_behind ()")
        raise InterruptedError(done)

    with opened(database_url, pool_size=1) as database:
        assert database.transact(work, soon()) == "done"
        with pytest.raises(InterruptedError, match="done"):
            database.transact(working, soon())
    assert rows(database_url, "SELECT to_regclass('left_behind') IS NULL") == [(True,)]


def test_an_abandoned_first_statement_leaves_no_transaction(database_url: str) -> None:
    def first_day(connection: Connection) -> object:
        return FIRST_DAY_OF_THE_LEDGER.value(connection)

    with opened(database_url, pool_size=1) as database, connected(database_url) as holder:
        day = database.transact(first_day, soon())
        backend = database.autocommit(lambda connection: connection.info.backend_pid, soon())
        holder.run_script(b"BEGIN; LOCK TABLE event_ledger IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(DeadlineExceeded):
            database.transact(first_day, time.monotonic() + 0.1)
        holder.run_script(b"ROLLBACK")
        assert database.transact(first_day, soon()) == day
        assert database.autocommit(lambda connection: connection.info.backend_pid, soon()) == backend


def test_a_refused_first_statement_ends_its_transaction(database_url: str) -> None:
    with opened(database_url, pool_size=1) as database:
        database.transact(lambda connection: TRANSACTION_STATUS.value(connection, "3"), soon())
        backend = database.autocommit(lambda connection: connection.info.backend_pid, soon())
        with pytest.raises(ContentRefused):
            database.transact(lambda connection: TRANSACTION_STATUS.value(connection, "no number"), soon())
        database.transact(lambda connection: TRANSACTION_STATUS.value(connection, "3"), soon())
        assert database.autocommit(lambda connection: connection.info.backend_pid, soon()) == backend
