"""Reads that may be a minute old, from a standby while it keeps up, and otherwise from the primary."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import TypeVar

from shared.domain.errors import ChallengeError, DatabaseUnavailable, DeadlineExceeded, Overloaded
from shared.postgres import database_identity
from shared.postgres.connection import Connection
from shared.postgres.database import Database
from shared.postgres.statements import statement

_T = TypeVar("_T")

_POSITION = statement("log_position")

LAG_MAX_S = 60.0
"""Greatest lag in seconds of a standby that is read."""
STANDBY_TIMEOUT_S = 1.0
"""Time limit in seconds of a read from the standby, so that the primary can be read within the caller's deadline."""
PROBE_TIMEOUT_S = 1.0
POSITIONS_MAX = 120
"""Remembered positions of the primary's log, one for each probe: twice as many as a standby may be behind."""


class StaleReads:
    """Reads of a standby, or of the primary where there is none, where it is behind, and where it fails."""

    def __init__(self, primary: Database, standby: Database | None = None) -> None:
        """Read the primary until `probe` has found that the standby keeps up."""
        self._primary = primary
        self._standby = standby
        self._positions: deque[tuple[float, int]] = deque(maxlen=POSITIONS_MAX)
        self._usable = False
        self.lag_s = float("nan")
        """Seconds by which the standby was behind when it was last asked, rounded up to the interval of probes."""

    def autocommit(self, work: Callable[[Connection], _T], deadline: float) -> _T:
        """Do work that only reads, as `Database.autocommit` does."""
        if self._usable and self._standby is not None:
            try:
                return self._standby.autocommit(work, min(deadline, time.monotonic() + STANDBY_TIMEOUT_S))
            except (DatabaseUnavailable, DeadlineExceeded, Overloaded):
                # Until the next probe, so that calls do not wait for a dead server one after the other.
                self._usable = False
        return self._primary.autocommit(work, deadline)

    def probe(self) -> str | None:
        """Return why the standby is not read; None if it is."""
        try:
            problem = self._find_problem()
        except ChallengeError as error:
            problem = str(error)
        self._usable = problem is None
        return problem

    def _find_problem(self) -> str | None:
        if self._standby is None:
            return None
        deadline = time.monotonic() + PROBE_TIMEOUT_S
        _, position = self._primary.autocommit(_POSITION.only_row, deadline)
        self._positions.append((time.monotonic(), position))
        in_recovery, replayed = self._standby.autocommit(_POSITION.only_row, deadline)
        if not in_recovery:
            return "the server of DATABASE_STANDBY_URL is no standby"
        if self._key(self._standby, deadline) != self._key(self._primary, deadline):
            return "the server of DATABASE_STANDBY_URL is a standby of another database"
        reached = [at for at, position in self._positions if position <= replayed]
        self.lag_s = time.monotonic() - (reached[-1] if reached else self._positions[0][0])
        if not reached or self.lag_s > LAG_MAX_S:
            return "the standby is behind"
        return None

    @staticmethod
    def _key(database: Database, deadline: float) -> str:
        return database.autocommit(database_identity.read, deadline).key
