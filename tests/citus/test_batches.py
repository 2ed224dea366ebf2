"""Batches of events on a cluster: duplicates among those that are expected to be new, and content that is refused."""

from __future__ import annotations

import time

from shared.domain.events import Event, Verdict
from shared.domain.goal import Source, Stat
from shared.domain.instant import DAY
from shared.operations.events.flush import Flush
from shared.postgres.database import Database
from tests.support.databases import connected, opened
from tests.support.sample_catalogue import sample_catalogue
from tests.support.services import NOW, rows

WINS = Stat(Source.STAT, "wins")
PLAYERS = 12
PATIENCE_S = 30.0


def event(number: int) -> Event:
    """Return an event of one of the players."""
    return Event(f"{number}", f"player {number % PLAYERS}", NOW, WINS, delta=1)


def flush(database: Database, events: list[Event]) -> list[Verdict | None]:
    """Apply the events as a handler does that expects all of them to be new, and return their verdicts."""
    outcomes = Flush(database, sample_catalogue(), time.monotonic() + PATIENCE_S).run(events)
    return [None if outcome is None else outcome.verdict for outcome in outcomes]


def test_duplicates_among_new_events_count_once(citus_url: str) -> None:
    with opened(citus_url, pool_size=1) as database:
        first = [event(number) for number in range(30)]
        assert flush(database, first) == [Verdict.APPLIED] * 30
        again = [*(event(number) for number in range(20, 40)), event(39)]
        assert flush(database, again) == [*[Verdict.DUPLICATE] * 10, *[Verdict.APPLIED] * 10, Verdict.DUPLICATE]
        assert rows(citus_url, "SELECT sum(sum) FROM tally") == [(40,)]
        assert rows(citus_url, "SELECT count(*) FROM event_seen") == [(40,)]
        assert not database.refused


def test_an_event_that_the_database_refuses_does_not_affect_others(citus_url: str) -> None:
    with opened(citus_url, pool_size=1) as database:
        # No check at the edge lets this delta through; a constraint of the table refuses it.
        poison = event(3)._replace(user_id="poison", delta=-1)
        verdicts = flush(database, [event(1), poison, event(2)])
        assert verdicts == [Verdict.APPLIED, Verdict.INVALID, Verdict.APPLIED]
        assert rows(citus_url, "SELECT sum(sum) FROM tally") == [(2,)]


def test_a_lone_event_that_the_ledger_refuses_is_not_recorded(citus_url: str) -> None:
    with opened(citus_url, pool_size=1) as database, connected(citus_url) as operator:
        assert flush(database, [event(1)]) == [Verdict.APPLIED]
        assert flush(database, [event(1)]) == [Verdict.DUPLICATE]
        operator.execute(
            "INSERT INTO player_tombstone (user_id, erase_time, until_time)"
            " VALUES ('player 2', now(), now() + interval '1 day')"
        )
        assert flush(database, [event(2)]) == [Verdict.INVALID]
        operator.execute("UPDATE event_ledger SET first_day = date 'epoch' + $1::integer", (NOW // DAY + 1,))
        assert flush(database, [event(3)]) == [Verdict.TOO_OLD]
    assert rows(citus_url, "SELECT count(*) FROM event_seen") == [(1,)]
    assert rows(citus_url, "SELECT user_id FROM tally") == [("player 1",)]
