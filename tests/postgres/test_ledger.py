"""The ledger reports every unseen event exactly once."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from shared.domain.events import Event
from shared.postgres.connection import Connection
from shared.postgres.events import ledger
from shared.postgres.events.ledger import LedgerKey, ledger_key
from tests.support.strategies import KILLS, events

# Ids that would be ambiguous if the parts of a key were simply concatenated.
TRICKY = ("1", "11", "1 1", " 1", "1 ", "'", '"', "\\", "{}", "NULL", "\U0001f409")


def identity(event: Event) -> tuple[str, str, int]:
    """Return what identifies an event."""
    return event.user_id, event.event_id, event.day


colliding = events(user_ids=TRICKY, event_ids=TRICKY)


@given(colliding, colliding)
def test_events_share_a_key_exactly_when_they_are_the_same_event(one: Event, other: Event) -> None:
    assert (ledger_key(one) == ledger_key(other)) == (identity(one) == identity(other))
    assert (ledger_key(one).event_hash == ledger_key(other).event_hash) == (identity(one) == identity(other))


@given(st.lists(st.lists(colliding, max_size=8), max_size=4))
def test_every_event_is_unseen_once(connection: Connection, batches: list[list[Event]]) -> None:
    connection.execute("TRUNCATE event_seen")
    seen: set[LedgerKey] = set()
    for batch in batches:
        keys = [ledger_key(event) for event in batch]
        assert ledger.insert_unseen(connection, keys).unseen() == {key.event_hash for key in set(keys) - seen}
        seen |= set(keys)


def test_an_event_is_found_by_the_transaction_that_recorded_it(connection: Connection) -> None:
    key = ledger_key(Event("id", "player", 0, KILLS))
    with connection.transaction():
        row = connection.execute("SELECT pg_current_xact_id()::text::bigint").fetchone()
        assert row is not None
        ledger.insert_unseen(connection, [key]).unseen()
    assert ledger.seen_by_transaction(connection, key, row[0])
    assert not ledger.seen_by_transaction(connection, key, row[0] + 1)
    assert not ledger.seen_by_transaction(connection, key._replace(user_id="other"), row[0])
