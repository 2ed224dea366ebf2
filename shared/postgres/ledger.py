"""The exactly-once ledger: which events were seen."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from typing import NamedTuple

from shared.domain.events import Event
from shared.domain.instant import DAY, Day
from shared.postgres.arrays import int_array, text_array
from shared.postgres.connection import Connection
from shared.postgres.statements import statement

_INSERT = statement("insert_events_seen")
_BY_TRANSACTION = statement("event_seen_by_transaction")

HASH_BYTES = 16


class LedgerKey(NamedTuple):
    """What identifies an event in the ledger. The order of keys is the order in which transactions lock them."""

    day: Day
    user_id: str
    event_hash: bytes
    """BLAKE2b of player, day and event id: different for any two events, whoever they belong to."""


def ledger_key(event: Event) -> LedgerKey:
    """The key of an event."""
    day = event.time // DAY
    # The length says where the player's id ends, whatever characters it has.
    text = f"{day} {len(event.user_id)} {event.user_id} {event.event_id}"
    return LedgerKey(day, event.user_id, blake2b(text.encode(), digest_size=HASH_BYTES).digest())


def insert_unseen(connection: Connection, keys: Sequence[LedgerKey]) -> set[bytes]:
    """Note these events as seen, and answer the hashes of those that were not seen before.

    Repetitions among `keys` do no harm.
    """
    ordered = sorted(keys)
    rows = _INSERT.rows(
        connection,
        int_array([key.day for key in ordered]),
        text_array([key.user_id for key in ordered]),
        text_array(["\\x" + key.event_hash.hex() for key in ordered]),
    )
    return {event_hash for (event_hash,) in rows}


def seen_by_transaction(connection: Connection, key: LedgerKey, transaction_id: int) -> bool:
    """Whether this very transaction noted the event, and is committed."""
    return _BY_TRANSACTION.row(connection, key.day, key.user_id, key.event_hash, transaction_id) is not None
