"""Writes changed scores into Redis, after the commit, in a thread of its own: no event waits for Redis."""

from __future__ import annotations

import time
from typing import TypeAlias

from shared.cache.errors import CacheRefused, CacheUnavailable
from shared.cache.ranking_cache import RankingCache
from shared.domain.catalogue import Catalogue
from shared.domain.errors import ChallengeError
from shared.domain.scores import changed_scores
from shared.operations.leaderboards.ranking_sync import delete_entries
from shared.operations.statistics.standing_changes import ScoreChanges
from shared.postgres.database import Database
from shared.runtime.batching_writer import BatchingWriter

BATCHES_MAX = 200
"""Flushes whose scores wait. The scores of any more stay in the journal, from which rankings are repaired."""
DELETE_ENTRIES_S = 5.0
"""Time limit in seconds for deleting the journal's entries of written scores."""

Changed: TypeAlias = tuple[Catalogue, ScoreChanges, str | None]
"""The last is the key that the database had when they were committed, as far as is known."""


class ScoreWriter(BatchingWriter[Changed, None]):
    """The thread that writes the scores of all flushes into Redis."""

    def __init__(self, database: Database, boards: RankingCache) -> None:
        super().__init__("score writer", size_max=BATCHES_MAX)
        self._database = database
        self._boards = boards
        self.left_to_the_journal = 0
        """Flushes whose scores are left for the repair from the journal."""

    def submit(self, catalogue: Catalogue, changes: ScoreChanges) -> None:
        """Queue committed scores for Redis, without waiting. If the queue is full, they stay in the journal."""
        if not self._put((catalogue, changes, self._boards.database_key)):
            self.left_to_the_journal += 1

    def _write(self, batch: list[Changed]) -> None:
        """Write scores into Redis and delete their journal entries. If that fails, entries stay for the repair."""
        database_key = self._boards.database_key
        # The restored database does not have the changes that were committed before it was restored.
        current = [(catalogue, changes) for catalogue, changes, key in batch if key == database_key]
        self.left_to_the_journal += len(batch) - len(current)
        if database_key is None or not current:
            self.left_to_the_journal += len(current)
            return
        try:
            self._boards.put(
                (
                    score
                    for catalogue, changes in current
                    for score in changed_scores(catalogue, changes.tallies, changes.standings)
                ),
                database_key,
            )
            entry_ids = [changes.entry_id for _, changes in current]
            user_ids = {user_id for _, changes in current for user_id in changes.user_ids()}
            deadline = time.monotonic() + DELETE_ENTRIES_S
            # Scores that were committed before an erasure may have been written after it.
            delete_entries(self._database, current[-1][0], self._boards, entry_ids, user_ids, database_key, deadline)
        except (CacheUnavailable, CacheRefused, ChallengeError):
            self.left_to_the_journal += len(current)
