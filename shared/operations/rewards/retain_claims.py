"""The duty that deletes old claims and audits, where settings say how long they are kept.

A claim goes with its grant once it is settled and its completion was carried forward. Claims of goals without
a schedule stay, and so do grants that are waiting or dead.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

from shared.domain.instant import Instant, Microseconds
from shared.operations.player_ranges import PlayerRanges, Visited
from shared.postgres.connection import Connection
from shared.postgres.database import Database
from shared.postgres.rewards import claim_retention
from shared.postgres.statistics.challenge_reports import LAST_USER_ID

DELETE_INTERVAL_S = 24 * 3_600.0
DELETE_PASS_TIMEOUT_S = 24 * 3_600.0
DELETE_STEP_TIMEOUT_S = 10.0
STEP_CLAIMS = 1_000
"""Approximate number of claims in a range."""
CLAIMS_A_SECOND = 5_000
"""Maximum number of claims visited per second, deleted or not."""


class ClaimRetention:
    """The duty of a process. However many processes have it, one deletes at a time."""

    def __init__(
        self, database: Database, claims: Microseconds, audits: Microseconds, rest: Callable[[float], bool]
    ) -> None:
        """Delete claims and audits that are older than `claims` and `audits` say, in microseconds; 0: none.

        `rest` waits for the given number of seconds, and returns True if it is time to stop.
        """
        self._database = database
        self._claims = claims
        self._audits = audits
        self._rest = rest
        self._ranges = PlayerRanges(rest)

    def one_pass(self, now: Instant) -> int:
        """Delete old claims of all players, and old audits. Return the number of claims.

        Raise `DatabaseUnavailable`, `DeadlineExceeded` or `Overloaded`.
        """

        def work(holder: Connection) -> int:
            # The steps have transactions of their own. This one reads no table, so not even a migration waits for it.
            if not claim_retention.lock(holder):
                return 0
            if self._audits:
                self._delete_audits(now)
            if not self._claims:
                return 0
            step = partial(self._step, before=now - self._claims)
            return self._ranges.one_pass(lambda: claim_retention.lock(holder), step, STEP_CLAIMS / CLAIMS_A_SECOND)[0]

        return self._database.transact(work, time.monotonic() + DELETE_PASS_TIMEOUT_S)

    def _delete_audits(self, now: Instant) -> None:
        def delete(connection: Connection) -> int:
            return claim_retention.delete_audits(connection, now, self._audits)

        while self._database.transact(delete, time.monotonic() + DELETE_STEP_TIMEOUT_S):
            if self._rest(0.1):
                return

    def _step(self, after: str, *, before: Instant) -> Visited:
        def work(connection: Connection) -> Visited:
            end = claim_retention.end_of_range(connection, after, STEP_CLAIMS)
            return Visited(end, claim_retention.delete_claims(connection, after, end or LAST_USER_ID, before))

        return self._database.transact(work, time.monotonic() + DELETE_STEP_TIMEOUT_S)
