"""Putting changed scores into Redis, after the commit and beside it: no event waits for Redis."""

from __future__ import annotations

import threading
import time
from collections import deque

from shared.cache.rankings import RankingCache
from shared.cache.redis import CacheUnavailable
from shared.domain.catalogue import Catalogue
from shared.domain.errors import ChallengeError
from shared.domain.scores import changed_scores
from shared.operations.leaderboards.ranking_sync import forget
from shared.operations.statistics.standing_changes import ScoreChanges
from shared.postgres.database import Database

BATCHES_MAX = 200
"""Flushes whose scores wait. What does not fit stays in the journal, from which it is repaired."""
FORGET_S = 5.0


class ScoreWriter:
    """A thread that puts the scores of all flushes into Redis, together what has come while it was at it."""

    def __init__(self, database: Database, boards: RankingCache) -> None:
        self._database = database
        self._boards = boards
        self._waiting: deque[tuple[Catalogue, ScoreChanges]] = deque()
        self._arrived = threading.Condition()
        self._closing = False
        self._thread = threading.Thread(target=self._write_until_closed, name="score writer", daemon=True)
        self.left_to_the_journal = 0
        """Flushes whose scores others have to put into Redis."""

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def submit(self, judged_by: Catalogue, changes: ScoreChanges) -> None:
        """Have committed scores written. Waits for nothing."""
        with self._arrived:
            if len(self._waiting) >= BATCHES_MAX:
                self.left_to_the_journal += 1
                return
            self._waiting.append((judged_by, changes))
            self._arrived.notify()

    def close(self, timeout_s: float) -> None:
        """Write what waits, and end."""
        with self._arrived:
            self._closing = True
            self._arrived.notify()
        self._thread.join(timeout_s)

    def _write_until_closed(self) -> None:
        while batches := self._next():
            self._write(batches)

    def _next(self) -> list[tuple[Catalogue, ScoreChanges]]:
        """Everything that waits; waits for something. Empty when closed."""
        with self._arrived:
            while not self._waiting and not self._closing:
                self._arrived.wait()
            batches = list(self._waiting)
            self._waiting.clear()
        return batches

    def _write(self, batches: list[tuple[Catalogue, ScoreChanges]]) -> None:
        try:
            self._boards.put(
                score
                for catalogue, changes in batches
                for score in changed_scores(catalogue, changes.tallies, changes.standings)
            )
            entry_ids = [changes.entry_id for _, changes in batches]
            forget(self._database, entry_ids, time.monotonic() + FORGET_S)
        except (CacheUnavailable, ChallengeError):
            self.left_to_the_journal += len(batches)
