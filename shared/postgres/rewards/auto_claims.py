"""Completions that are claimed without a call, in the database."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple
from zlib import crc32

from shared.domain.events import CompletionKey
from shared.domain.instant import Instant
from shared.postgres.connection import Connection
from shared.postgres.statements import int_array, nullable_int_array, statement, text_array

_LOCK = statement("lock_auto_claims")
_READ_NEVER_CLAIMED = statement("read_never_claimed")
_READ_MET = statement("read_met")

LOCKS = 256
"""Number of locks that all players share. If each player had one, a batch of 2,000 events that unlocks goals of as many
players could fill the server's lock table, which has room for 64 a connection. Of two transactions that need one lock
for different players, one waits for the last statements of the other."""


class Candidates(NamedTuple):
    """The completions of a player's goal in a range of periods."""

    user_id: str
    goal_id: str
    first_start: Instant
    last_start: Instant


class Prerequisite(NamedTuple):
    """A goal that a player has to complete."""

    user_id: str
    goal_id: str
    period_start: Instant | None
    """Start of the period in which it has to be completed; None for any period of its schedule."""


def lock(connection: Connection, user_ids: Collection[str]) -> None:
    """Lock these players, after their completions and before grants, so that one transaction at a time judges them."""
    # A statement that waits for its lock in the round trip of the next one sees, like any other, what it finds then.
    _LOCK.defer(connection, int_array(sorted({lock_key(user_id) for user_id in user_ids})))


def lock_key(user_id: str) -> int:
    """Return the key of a player's lock."""
    return crc32(user_id.encode()) % LOCKS


def read_never_claimed(connection: Connection, candidates: Collection[Candidates]) -> set[CompletionKey]:
    """Return completions that were never claimed, without those of goals that the player has switched off."""
    users, goals, firsts, lasts = zip(*candidates, strict=True)
    rows = _READ_NEVER_CLAIMED.rows(
        connection, text_array(users), text_array(goals), int_array(firsts), int_array(lasts)
    )
    return set(map(CompletionKey._make, rows))


def read_met(connection: Connection, prerequisites: Sequence[Prerequisite]) -> set[Prerequisite]:
    """Return those of the prerequisites that are completed."""
    if not prerequisites:
        return set()
    users, goals, starts = zip(*prerequisites, strict=True)
    rows = _READ_MET.rows(connection, text_array(users), text_array(goals), nullable_int_array(starts))
    return {prerequisites[position - 1] for (position,) in rows}
