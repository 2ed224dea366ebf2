"""Keeping rankings in Redis complete: what its writers missed, by dying or because Redis was away, is repaired.

Every transaction that changes scores leaves an entry in a journal, and whoever puts the scores into Redis deletes it.
An entry that was there a pass ago is nobody's any more: the players' scores are read and put into Redis. If the journal
grows beyond `ENTRIES_MAX`, Redis is given up: all rankings in it are void, and are built again when it is back.

A process whose catalogue lacks a board neither puts its scores into Redis nor notes them. So whenever a process' boards
change, rankings of those that come and go are void, too.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from shared.cache.ranking_markers import RankingMarkers
from shared.cache.rankings import RankingCache
from shared.cache.redis import CacheUnavailable
from shared.domain.catalogue import Catalogue
from shared.domain.errors import CatalogueUnavailable
from shared.domain.instant import Instant
from shared.operations.leaderboards.score_pages import scores_of
from shared.postgres.connection import Connection
from shared.postgres.database import Database
from shared.postgres.leaderboards import journal, scores
from shared.postgres.leaderboards.journal import JournalEntry
from shared.runtime.clock import Clock

SYNC_INTERVAL_S = 2.0
"""So long a writer has for its own entries before they are taken for missed."""
PASS_S = 10.0
ENTRIES_MAX = 10_000
"""A minute of single events at full speed, or some megabytes."""
READ_MAX = 1_000
PLAYERS_MAX = 1_000
"""In one read of scores."""

CatalogueInUse = Callable[[], Catalogue]
"""Answers the catalogue in use; raises `CatalogueUnavailable` while there is none."""


class RankingSync:
    """The duty. Without Redis it only keeps the journal bounded."""

    def __init__(
        self,
        database: Database,
        catalogue: CatalogueInUse,
        clock: Clock,
        boards: RankingCache | None = None,
        markers: RankingMarkers | None = None,
    ) -> None:
        self._database = database
        self._catalogue = catalogue
        self._boards = boards
        self._markers = markers
        self._clock = clock
        self._known_boards: frozenset[str] | None = None
        self._seen: frozenset[int] = frozenset()
        self._all_seen_at: Instant | None = None
        self.fresh_at: Instant | None = None
        """Whatever was committed before this instant is in Redis, if that can be believed; None: not known yet."""

    def one_pass(self) -> None:
        """Repair what was there a pass ago already."""
        this_pass = self._clock()
        deadline = time.monotonic() + PASS_S
        waiting = self._database.autocommit(lambda connection: journal.count(connection, ENTRIES_MAX), deadline)
        if waiting >= ENTRIES_MAX:
            self._database.transact(journal.give_up, deadline)
        try:
            self._distrust_what_comes_and_goes(self._catalogue(), deadline)
        except CatalogueUnavailable:
            return
        if self._boards is None or self._markers is None:
            return
        epochs = self._database.autocommit(scores.board_epochs, deadline)
        self._markers.set_epochs(epochs, self.fresh_at)
        entries = self._database.autocommit(lambda connection: journal.read(connection, READ_MAX), deadline)
        missed = [entry for entry in entries if entry.entry_id in self._seen]
        self._seen = frozenset(entry.entry_id for entry in entries)
        if (not missed or self._repair(self._boards, missed, deadline)) and self._all_seen_at is not None:
            self.fresh_at = self._all_seen_at
        if len(entries) < READ_MAX:
            self._all_seen_at = this_pass
        self._markers.set_epochs(epochs, self.fresh_at)

    def _distrust_what_comes_and_goes(self, catalogue: Catalogue, deadline: float) -> None:
        boards, before = frozenset(catalogue.leaderboard_by_id), self._known_boards
        if boards == before:
            return

        def distrust(connection: Connection) -> None:
            if before is None:
                journal.distrust_all_but(connection, boards)
            else:
                journal.distrust(connection, boards ^ before)

        self._database.transact(distrust, deadline)
        self._known_boards = boards

    def _repair(self, boards: RankingCache, missed: Sequence[JournalEntry], deadline: float) -> bool:
        """Whether Redis has now what it missed."""
        user_ids = sorted({user_id for entry in missed for user_id in entry.user_ids})
        try:
            for start in range(0, len(user_ids), PLAYERS_MAX):
                portion = user_ids[start : start + PLAYERS_MAX]
                boards.put(scores_of(self._database, self._catalogue(), portion, deadline))
        except (CacheUnavailable, CatalogueUnavailable):
            return False
        forget(self._database, [entry.entry_id for entry in missed], deadline)
        return True


def forget(database: Database, entry_ids: Sequence[int], deadline: float) -> None:
    """Delete entries of the journal whose scores Redis has."""

    def delete(connection: Connection) -> None:
        journal.delete(connection, entry_ids)

    database.transact(delete, deadline)
