"""The leaderboards that a process knows. Of others it neither stores scores in Redis nor notes that they change.

Each process keeps a row with what it knows. If a process is killed, the others find that its row is not renewed any
more, and invalidate the rankings of what it lacked, which it would have done itself at its end.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from shared.domain.catalogue import Catalogue
from shared.domain.instant import SECOND, Microseconds
from shared.postgres.connection import Connection
from shared.postgres.database import Database
from shared.postgres.leaderboards import journal, leaderboard_processes
from shared.runtime.process_name import ProcessName

RENEW_INTERVAL_S = 60.0
"""Interval in seconds at which a process renews its row: one small transaction a minute."""
GONE_AFTER: Microseconds = 180 * SECOND
"""Time after which a process that has not renewed its row counts as killed. Each pass repeats a failed renewal."""

log = logging.getLogger(__name__)


class KnownBoards:
    """The leaderboards of the catalogue of this process, as last seen."""

    def __init__(self, database: Database, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._monotonic = monotonic
        self._process = str(ProcessName())
        self._known: frozenset[str] | None = None
        self._renewed_at = 0.0

    def follow(self, catalogue: Catalogue, deadline: float) -> None:
        """Invalidate the rankings of leaderboards that a catalogue adds or removes: they may have missed changes.

        The first catalogue is followed before it is used, a later one when it is: what this process changed until then
        is not noted for leaderboards that came with it.

        At an interval, do the same with those that killed processes lacked.
        """
        boards, before, started = frozenset(catalogue.leaderboard_by_id), self._known, self._monotonic()
        if boards == before and started - self._renewed_at < RENEW_INTERVAL_S:
            return

        def renew(connection: Connection) -> list[str]:
            if before is None:
                journal.invalidate_all_but(connection, boards)
            elif boards != before:
                journal.invalidate(connection, boards ^ before)
            leaderboard_processes.renew(connection, self._process, boards)
            return leaderboard_processes.invalidate_for_gone(connection, GONE_AFTER)

        invalidated = self._database.transact(renew, deadline)
        self._known, self._renewed_at = boards, started
        # Those of other catalogues are invalidated, too. Processes that have them tell.
        if named := sorted(boards.intersection(invalidated)):
            log.warning(
                "rankings are checked again: a process that did not know the leaderboards was killed",
                extra={"boards": named},
            )

    def leave(self, deadline: float) -> None:
        """Invalidate the rankings of all other leaderboards, after the last change of this process.

        In a rollout a process ends without ever seeing the catalogue that the next one starts with.
        """
        known = self._known
        if known is None:
            return

        def leave(connection: Connection) -> None:
            journal.invalidate_all_but(connection, known)
            leaderboard_processes.forget(connection, self._process)

        self._database.transact(leave, deadline)
