"""Builds of rankings in Redis from the database: at the first start, after Redis lost them, and on request.

After the database may have lost its newest transactions, as by a promotion, rankings in Redis are verified. One that
holds nothing newer than the database is kept: whatever it lacks is in the journal. One that is ahead would show lost
scores, and ignore new ones with lower versions. It is rebuilt.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence

from shared.cache.errors import CacheRefused, CacheUnavailable
from shared.cache.members import Undecodable
from shared.cache.ranking_builds import BuildLost, RankingBuild, new_build
from shared.cache.ranking_cache import RankingCache, Untrusted
from shared.cache.ranking_markers import RankingMarkers
from shared.cache.ranking_verification import keep, stored_scores
from shared.cache.redis import Cache
from shared.domain.catalogue import Catalogue
from shared.domain.errors import CatalogueUnavailable
from shared.domain.instant import Instant
from shared.domain.leaderboard import Leaderboard
from shared.domain.scores import RankingKey, Score
from shared.operations.leaderboards.ranking_sync import PAGE_TIMEOUT_S, CatalogueInUse, remove_erased, score_pages
from shared.postgres.database import Database
from shared.postgres.events import ledger
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


log = logging.getLogger(__name__)

BUILD_INTERVAL_S = 2.0


class RankingBuilder:
    """The duty that builds rankings that Redis lacks, and verifies or rebuilds those that cannot be trusted."""

    def __init__(
        self,
        database: Database,
        catalogue: CatalogueInUse,
        cache: Cache,
        rankings: RankingCache,
        markers: RankingMarkers,
        stopping: threading.Event,
    ) -> None:
        """Create the duty. A build ends early when `stopping` is set."""
        self._database = database
        self._catalogue = catalogue
        self._cache = cache
        self._rankings = rankings
        self._markers = markers
        self._stopping = stopping

    def one_pass(self) -> None:
        """Build the rankings that Redis lacks, and renew the expiry of the others."""
        try:
            catalogue = self._catalogue()
            for untrusted in self._rankings.untrusted(self._open_rankings(catalogue)):
                self._restore(catalogue.leaderboard_by_id[untrusted.ranking.board_id], untrusted)
        except (CacheUnavailable, CatalogueUnavailable, BuildLost):
            # The next pass continues.
            return

    def _restore(self, board: Leaderboard, untrusted: Untrusted) -> None:
        try:
            if not (untrusted.timeline_only and self.verify(board, untrusted)):
                self.build(board, untrusted.ranking.period_start)
        except CacheRefused:
            self._rankings.discard(untrusted.ranking)

    def verify(self, board: Leaderboard, untrusted: Untrusted) -> bool:
        """Keep a ranking that is not ahead of the database. Return False if it has to be rebuilt.

        Return True also if another process verifies or builds it. Raise as `build` does.
        """
        # A build begins and is abandoned, so that one process verifies at a time.
        lock = new_build(self._cache, self._markers, board, untrusted.ranking.period_start)
        if lock is None or not lock.begin():
            return True
        try:
            if is_ahead(self._database, self._cache, board, untrusted, lambda _: self._go_on(lock)):
                log.warning("ranking in Redis is ahead of the database, rebuilding", extra={"leaderboard": board.id})
                return False
            kept = keep(self._cache, untrusted)
        finally:
            lock.abandon()
        if kept:
            log.info("ranking in Redis verified", extra={"leaderboard": board.id})
        return kept

    def _go_on(self, lock: RankingBuild) -> None:
        if self._stopping.is_set():
            raise BuildLost
        lock.add([])

    def build(
        self, board: Leaderboard, period_start: Instant, progress: Callable[[int], object] = lambda _: None
    ) -> bool:
        """Build a ranking beside the one in use and switch to it. Return False if another process is building it.

        `progress` is called with the number of players added since its last call. Raise `CacheUnavailable`,
        `CacheRefused` or `BuildLost`, and what the database raises.
        """
        build = new_build(self._cache, self._markers, board, period_start)
        if build is None or not build.begin():
            return False
        started, players = time.monotonic(), 0
        try:
            for page in score_pages(self._database, board, period_start):
                if self._stopping.is_set():
                    raise BuildLost
                build.add(page)
                self._remove_erased(page)
                progress(len(page))
                players += len(page)
            build.finish()
        except BaseException:
            build.abandon()
            raise
        took_s = round(time.monotonic() - started, 3)
        log.info("ranking built", extra={"leaderboard": board.id, "players": players, "seconds": took_s})
        return True

    def _remove_erased(self, page: Sequence[Score]) -> None:
        """Delete players who were erased since the page was read."""
        user_ids = [score.user_id for score in page]
        deadline = time.monotonic() + PAGE_TIMEOUT_S
        erased = self._database.autocommit(lambda connection: ledger.read_erased(connection, user_ids), deadline)
        if erased and (key := self._rankings.database_key) is not None:
            remove_erased(self._database, self._catalogue(), self._rankings, erased, key, deadline)

    def _open_rankings(self, catalogue: Catalogue) -> list[RankingKey]:
        found = self._database.autocommit(scores.open_rankings, time.monotonic() + PAGE_TIMEOUT_S)
        return [ranking for ranking in found if ranking.board_id in catalogue.leaderboard_by_id]
