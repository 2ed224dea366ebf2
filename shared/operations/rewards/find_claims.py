"""Reading claims: one with its place in the queue, pages of them, and one that is waited for."""

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
"""After so long a claim is looked at again, and ever less often."""
POLL_INTERVAL_MAX_S = 0.25


class FoundClaim(NamedTuple):
    """A claim as it is now."""

    claim: Claim
    position: Position | None
    """None unless it waits in the queue."""


def find_claim(database: Database, user_id: str, grant_id: UUID, now: Instant, deadline: float) -> FoundClaim:
    """A player's claim. Raises `ClaimNotFound`, `DatabaseUnavailable`, `DeadlineExceeded` or `Overloaded`."""

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
    """At most `count` of a player's claims in these states (none: in any), after the one with this grant."""
    return database.autocommit(lambda connection: outbox.page(connection, user_id, states, after, count), deadline)


class GrantWaits:
    """Calls that wait for a grant to be settled. Each parks a thread, so there are only so many at a time."""

    def __init__(self, database: Database, waits_max: int) -> None:
        self._database = database
        self._free = threading.BoundedSemaphore(waits_max)

    def settled(self, claim: Claim, until: float) -> Claim:
        """The claim when it is granted, refused or dead, or as it is at `until`, in monotonic seconds.

        Answers at once if too many wait. No connection is held between looks.
        """
        if claim.state in FINAL or not self._free.acquire(blocking=False):
            return claim
        try:
            pause_s = POLL_INTERVAL_MIN_S
            while claim.state not in FINAL and time.monotonic() + pause_s < until:
                time.sleep(pause_s)
                pause_s = min(pause_s * 1.5, POLL_INTERVAL_MAX_S)
                claim = self._look(claim, until)
            return claim
        finally:
            self._free.release()

    def _look(self, claim: Claim, until: float) -> Claim:
        user_id, grant_id = claim.key.user_id, UUID(claim.grant_id)
        try:
            found = self._database.autocommit(
                lambda connection: outbox.find_by_grant(connection, user_id, grant_id), until
            )
        except ChallengeError:
            # The claim itself is stored: a database that has gone away since must not make it look as if it were not.
            return claim
        return claim if found is None else found
