"""The exactly-once ledger of events in the database."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from hashlib import blake2b
from typing import NamedTuple

import psycopg

from shared.domain.events import CONTROL_ID, Event
from shared.domain.instant import DAY, Day, Instant, to_date
from shared.postgres.connection import Connection
from shared.postgres.events.tallies import stat_of
from shared.postgres.execution import Execution
from shared.postgres.statements import bytes_array, int_array, nullable_int_array, statement, text_array

_INSERT = statement("insert_events_seen")
_INSERT_ONE = statement("insert_event_seen")
_INSERT_NEW = statement("insert_new_events")
_INSERT_ON_NODE = statement("insert_event_on_node")
_IS_REFUSED = statement("event_is_refused")
_FIRST_DAY = statement("first_ledger_day")
_ERASED = statement("erased_players")
_DELETE_EXPIRED = statement("delete_expired_tombstones")
_BY_TRANSACTION = statement("event_seen_by_transaction")
_READ = statement("read_events_seen")
_WRITE_A_PAGE = statement("write_a_page")

HASH_BYTES = 16


class LedgerKey(NamedTuple):
    """Identity of an event in the ledger. Keys are locked in their order."""

    day: Day
    user_id: str
    event_hash: bytes
    """BLAKE2b of player, day and event id: unique across all players."""


def ledger_key(event: Event) -> LedgerKey:
    """Return the ledger key of an event."""
    day = event.time // DAY
    # The length marks the end of the player id, whatever characters it contains.
    text = f"{day} {len(event.user_id)} {event.user_id} {event.event_id}"
    return LedgerKey(day, event.user_id, blake2b(text.encode(), digest_size=HASH_BYTES).digest())


class SeenBefore(Exception):
    """Some of the events were seen before, or are of a dropped day, although all were expected to be new."""


class Insertion:
    """A deferred statement that records events as seen.

    It is executed in the round trip of the transaction's next statement, or by the methods if there was none.
    """

    __slots__ = ("_connection", "_execution", "_refusal")

    def __init__(self, connection: Connection, execution: Execution, refusal: Execution | None = None) -> None:
        """`refusal` is of a statement after it that tells whether the event is refused all the same."""
        self._connection = connection
        self._execution = execution
        self._refusal = refusal

    def unseen(self) -> set[bytes]:
        """Return the hashes of the events that were not seen before and are recorded now."""
        self._connection.execute_deferred()
        return {event_hash for (event_hash,) in self._execution.rows}

    def count(self) -> int:
        """Return the number of events that were not seen before and are recorded now."""
        self._connection.execute_deferred()
        if self._refusal is not None and self._refusal.rows[0][0]:
            return 0
        return self._execution.affected or 0


def insert_unseen(
    connection: Connection,
    keys: Iterable[LedgerKey],
    content: Mapping[LedgerKey, Event] | None = None,
    *,
    expect_unseen: bool = False,
) -> Insertion:
    """Record these events as seen, in the transaction's next round trip; `Insertion.unseen` returns the new ones.

    Events of days before `first_day`, and of players who were erased, are not recorded and count as seen, whatever
    clocks and settings say.
    With `content` the events themselves are kept, too, for audit and replay; it has an event for each key. `keys` may
    contain duplicates. With `expect_unseen` only `Insertion.count` tells what was recorded, and the statements must be
    inside `raising_seen_before`.
    """
    keys = sorted(keys)
    if len(keys) == 1 and content is None:
        [key] = keys
        if not connection.on_citus:
            return Insertion(connection, _INSERT_ONE.defer(connection, *key))
        if expect_unseen:
            # Without a copy, what is written on one node alone is not committed in two phases.
            insertion = _INSERT_ON_NODE.defer(connection, *key)
            return Insertion(connection, insertion, _IS_REFUSED.defer(connection, key.day, key.user_id))
    kept = [content[key] for key in keys] if content is not None else []
    # On one server a duplicate would leave an error in its log.
    insert = _INSERT_NEW if expect_unseen and connection.on_citus else _INSERT
    return Insertion(
        connection,
        insert.defer(
            connection,
            int_array([key.day for key in keys]),
            text_array([key.user_id for key in keys]),
            bytes_array([key.event_hash for key in keys]),
            text_array([event.event_id for event in kept]),
            int_array([event.time for event in kept]),
            text_array([event.stat.source for event in kept]),
            text_array([event.stat.code for event in kept]),
            nullable_int_array([event.delta for event in kept]),
            nullable_int_array([event.value for event in kept]),
            connection.on_citus,
        ),
    )


@contextmanager
def raising_seen_before(connection: Connection) -> Iterator[None]:
    """Raise `SeenBefore` if a cluster refuses the rows of events that are expected to be new, for whatever reason.

    The error of a copy into shards has no code of its own, so any such error counts as this one: without the
    expectation the statements say what it is.
    """
    try:
        yield
    except (psycopg.errors.InternalError_, psycopg.errors.UniqueViolation) as error:
        if not connection.on_citus:
            raise
        raise SeenBefore from error


class RefusedEvents(NamedTuple):
    """The events that the ledger refuses whatever their ids are."""

    first_day: Day
    """Those of earlier days. It does not change while this transaction has inserted events."""
    erased: frozenset[str]
    """Those of these players, who were erased."""


def read_refused(connection: Connection, user_ids: Iterable[str]) -> RefusedEvents:
    """Return which events are refused, of these players."""
    first_day = _FIRST_DAY.defer(connection)
    erased = _ERASED.rows(connection, text_array(sorted(set(user_ids))))
    [(day,)] = first_day.rows
    return RefusedEvents(int(day), frozenset(user_id for (user_id,) in erased))


def read_erased(connection: Connection, user_ids: Iterable[str]) -> frozenset[str]:
    """Return those of these players who were erased."""
    return frozenset(user_id for (user_id,) in _ERASED.rows(connection, text_array(sorted(set(user_ids)))))


def forget_tombstones(connection: Connection, now: Instant) -> None:
    """Forget erased players of whom no late event is accepted any more."""
    _DELETE_EXPIRED.rows(connection, now)


def seen_by_transaction(connection: Connection, key: LedgerKey, transaction_id: int) -> bool:
    """Return whether this transaction recorded the event and is committed."""
    return _BY_TRANSACTION.row(connection, key.day, key.user_id, key.event_hash, transaction_id) is not None


class SeenEvents(NamedTuple):
    """A player's events in the ledger."""

    events: list[Event]
    """Events whose content was kept."""
    without_content: int
    """Number of further events that were seen."""


def read_seen(connection: Connection, user_id: str, days: Sequence[Day]) -> SeenEvents:
    """Return the events of a player that were seen on these days."""
    rows = _READ.rows(connection, user_id, text_array([str(to_date(day)) for day in days]))
    events = [
        Event(event_id, user_id, time, stat_of(source, code), delta, value)
        for event_id, time, source, code, delta, value in rows
        if event_id is not None
    ]
    return SeenEvents(events, len(rows) - len(events))


def write_a_page(connection: Connection) -> None:
    """Write a page, to check in a transaction that is rolled back whether the disk has room."""
    _WRITE_A_PAGE.rows(connection, CONTROL_ID)
