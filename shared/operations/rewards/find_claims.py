"""Reads of claims: one with its place in the queue, pages of claims, and a wait for one claim."""

from __future__ import annotations

import threading
import time
from collections.abc import Collection
from typing import NamedTuple
from uuid import UUID

from shared.domain.claims import Claim, ClaimState
from shared.domain.errors import ChallengeError, ClaimNotFound
from shared.domain.grants import FINAL
from shared.domain.instant import Instant
from shared.operations.rewards.queue_position import Position, position_of
from shared.postgres.connection import Connection
from shared.postgres.database import Database
from shared.postgres.rewards import outbox

POLL_INTERVAL_MIN_S = 0.02
"""First poll interval of a waiting call. It grows with each poll."""
POLL_INTERVAL_MAX_S = 0.25


class FoundClaim(NamedTuple):
    """A claim as it is now."""

    claim: Claim
    position: Position | None
    """None unless the grant waits in the queue."""


def find_claim(database: Database, user_id: str, grant_id: UUID, now: Instant, deadline: float) -> FoundClaim:
    """Return a player's claim. Raise `ClaimNotFound`, `DatabaseUnavailable`, `DeadlineExceeded` or `Overloaded`."""

    def read(connection: Connection) -> FoundClaim | None:
        claim = outbox.find_by_grant(connection, user_id, grant_id)
        if claim is None:
            return None
        waits = claim.state is ClaimState.PENDING
        return FoundClaim(claim, position_of(connection, claim.grant_id, now) if waits else None)

    found = database.autocommit(read, deadline)
    if found is None:
        raise ClaimNotFound("the player has no such claim", grant_id=str(grant_id))
    return found


def list_claims(
    database: Database,
    user_id: str,
    states: Collection[ClaimState],
    after: UUID | None,
    count: int,
    deadline: float,
) -> list[Claim]:
    """Return up to `count` of a player's claims in these states, or in any if empty, after the grant `after`."""
    return database.autocommit(lambda connection: outbox.page(connection, user_id, states, after, count), deadline)


class GrantWaits:
    """Calls that wait for a grant to be settled. Each blocks a thread, so their number is bounded."""

    def __init__(self, database: Database, waits_max: int) -> None:
        self._database = database
        self._free = threading.BoundedSemaphore(waits_max)
        self._stopping = threading.Event()

    def stop(self) -> None:
        """End all waits, without waiting: each returns its claim as it is stored."""
        self._stopping.set()

    def settled(self, claim: Claim, until: float) -> Claim:
        """Return the claim once it is granted, refused or dead, or as it is at `until` (monotonic seconds) or `stop`.

        Its further claims are waited for, too. Return at once if too many calls wait. No connection is held between
        polls.
        """
        if _is_settled(claim) or not self._free.acquire(blocking=False):
            return claim
        try:
            pause_s = POLL_INTERVAL_MIN_S
            while not _is_settled(claim) and time.monotonic() + pause_s < until:
                if self._stopping.wait(pause_s):
                    break
                pause_s = min(pause_s * 1.5, POLL_INTERVAL_MAX_S)
                claim = self._read(claim, until)
            return claim
        finally:
            self._free.release()

    def _read(self, claim: Claim, until: float) -> Claim:
        """Return the claim as it is stored now, or as it was if the database cannot be read."""
        user_id, grant_id = claim.key.user_id, UUID(claim.grant_id)
        try:
            found = self._database.autocommit(
                lambda connection: outbox.find_by_grant(connection, user_id, grant_id), until
            )
        except ChallengeError:
            # The claim is stored. An unavailable database must not make the call fail as if it were not.
            return claim
        return claim if found is None else found


def _is_settled(claim: Claim) -> bool:
    return all(each.state in FINAL for each in claim.each)
