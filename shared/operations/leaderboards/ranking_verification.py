"""Verification of rankings in Redis after the database may have lost its newest transactions, as by a promotion.

A ranking that holds nothing newer than the database is kept: whatever it lacks is in the journal. One that is ahead
would show lost scores, and ignore new ones with lower versions. It is rebuilt.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from shared.cache.members import Undecodable
from shared.cache.ranking_cache import Untrusted
from shared.cache.ranking_verification import stored_scores
from shared.cache.redis import Cache
from shared.domain.leaderboard import Leaderboard
from shared.domain.scores import RankingKey, Score
from shared.operations.leaderboards.score_pages import PAGE_TIMEOUT_S
from shared.postgres.database import Database
from shared.postgres.leaderboards import scores


def is_ahead(
    database: Database,
    cache: Cache,
    board: Leaderboard,
    untrusted: Untrusted,
    progress: Callable[[int], object] = lambda _: None,
) -> bool:
    """Return whether a ranking in Redis has a score that the database does not have, or cannot be decoded.

    `progress` is called with the number of players compared since its last call. Raise `CacheUnavailable` or
    `CacheRefused`, and what the database raises.
    """
    try:
        for batch in stored_scores(cache, board, untrusted):
            # A score is committed before it is stored in Redis, so the database is read second.
            if any(_ahead(database, untrusted.ranking, batch)):
                return True
            progress(len(batch))
    except Undecodable:
        return True
    return False


def _ahead(database: Database, ranking: RankingKey, stored: Sequence[Score]) -> list[Score]:
    """Return the scores that are newer than the database, or differ in the same version."""
    if not stored:
        return []
    deadline = time.monotonic() + PAGE_TIMEOUT_S
    user_ids = [score.user_id for score in stored]
    found = database.autocommit(lambda connection: scores.of_players(connection, user_ids), deadline)
    committed = {score.user_id: score for key, score in found if key == ranking}
    return [score for score in stored if _is_ahead(score, committed.get(score.user_id))]


def _is_ahead(stored: Score, committed: Score | None) -> bool:
    if committed is None or stored.version > committed.version:
        return True
    return stored.version == committed.version and stored != committed
