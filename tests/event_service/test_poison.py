"""An event that the database refuses for its content does not affect other events."""

from __future__ import annotations

import time
from collections.abc import Sequence

import psycopg
import pytest
from challenge.v1 import event_service_pb2 as rpc

from tests.support.busy_machine import BUSY_FACTOR
from tests.support.event_messages import stat
from tests.support.sample_catalogue import sample_catalogue
from tests.support.services import Game, game
from tests.support.waiting import wait_until

BATCH = 1_000
MORE_MAX_S = 0.1
"""Maximum delay of a batch by one poisonous event, in seconds.

Splitting applies the batch about once more; trying every event by itself would take seconds.
"""

POISONS = {
    "a constraint on the tally": ["ALTER TABLE tally ADD CONSTRAINT no_poison CHECK (user_id <> 'poison')"],
    "a constraint on the ledger": ["ALTER TABLE event_seen ADD CONSTRAINT no_poison CHECK (user_id <> 'poison')"],
    "a constraint on the completion": ["ALTER TABLE completion ADD CONSTRAINT no_poison CHECK (user_id <> 'poison')"],
    "a value out of range": [
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE numeric_value_out_of_range; END $$",
        "CREATE TRIGGER refuse BEFORE INSERT ON tally FOR EACH ROW WHEN (NEW.user_id = 'poison')"
        " EXECUTE FUNCTION refuse()",
    ],
}


def poisonable(database_url: str, poison: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:
        for statement in POISONS[poison]:
            connection.execute(statement)


def batch(*, poison_at: int | None) -> list[rpc.Event]:
    """Return events that each complete a goal of another player, optionally one of them poisonous."""
    players = [f"player-{number}" for number in range(BATCH)]
    if poison_at is not None:
        players[poison_at] = "poison"
    return [stat("wins", who, delta=3) for who in players]


def verdicts(results: Sequence[rpc.EventResult]) -> list[rpc.Verdict.ValueType]:
    return [result.verdict for result in results]


@pytest.mark.parametrize(
    ("poison", "poison_at"),
    [
        ("a constraint on the tally", 0),
        ("a constraint on the ledger", 333),
        ("a constraint on the completion", 500),
        # Distributed tables have no triggers.
        pytest.param("a value out of range", 999, marks=pytest.mark.one_server),
    ],
)
def test_all_other_events_of_the_batch_are_applied(database_url: str, poison: str, poison_at: int) -> None:
    poisonable(database_url, poison)
    with game(database_url, sample_catalogue()) as running:
        results = running.report(*batch(poison_at=poison_at))
        assert [number for number, verdict in enumerate(verdicts(results)) if verdict != rpc.VERDICT_APPLIED] == [
            poison_at
        ]
        assert results[poison_at].verdict == rpc.VERDICT_INVALID
        assert results[poison_at].reason == "event: is refused by the database"
        assert all(len(result.completions) == 1 for result in results if result.verdict == rpc.VERDICT_APPLIED)
        assert running.rows("SELECT count(*), sum(sum)::bigint FROM tally") == [(BATCH - 1, 3 * (BATCH - 1))]
        for table in ("event_seen", "tally", "completion"):
            assert running.rows(f"SELECT 1 FROM {table} WHERE user_id = 'poison'") == []  # noqa: S608 - fixed names


def test_two_refused_events_in_one_batch_are_both_found(database_url: str) -> None:
    poisonable(database_url, "a constraint on the tally")
    events = batch(poison_at=3)
    events[700].user_id = "poison"
    with game(database_url, sample_catalogue()) as running:
        found = verdicts(running.report(*events))
    assert [number for number, verdict in enumerate(found) if verdict == rpc.VERDICT_INVALID] == [3, 700]
    assert found.count(rpc.VERDICT_APPLIED) == BATCH - 2


def test_a_refused_event_stays_refused_and_the_others_stay_applied(database_url: str) -> None:
    poisonable(database_url, "a constraint on the tally")
    events = batch(poison_at=500)
    with game(database_url, sample_catalogue()) as running:
        running.report(*events)
        again = verdicts(running.report(*events))
    assert again.pop(500) == rpc.VERDICT_INVALID
    assert set(again) == {rpc.VERDICT_DUPLICATE}


# On a cluster it is tried several times.
@pytest.mark.one_server
def test_a_refused_event_delays_its_batch_only_a_little(database_url: str) -> None:
    poisonable(database_url, "a constraint on the tally")
    with game(database_url, sample_catalogue()) as running:
        running.report(*batch(poison_at=None))
        clean_s = min(_seconds(running, batch(poison_at=None)) for _ in range(3))
        # The quickest of several counts: a busy machine only ever adds time.
        wait_until(lambda: _seconds(running, batch(poison_at=333)) - clean_s < MORE_MAX_S * BUSY_FACTOR)


def _seconds(running: Game, events: Sequence[rpc.Event]) -> float:
    started = time.monotonic()
    running.report(*events)
    return time.monotonic() - started
