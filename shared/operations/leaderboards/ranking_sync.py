"""Repair of rankings in Redis: scores that writers could not store, because they died or Redis was unavailable.

Every transaction that changes scores adds an entry to the journal, and whoever stores the scores in Redis deletes it.
An entry that was already there one pass ago has been missed: the players' scores are read and stored in Redis. If the
journal grows beyond `ENTRIES_MAX`, it is dropped, and all rankings in Redis are invalidated and rebuilt later.

A process whose catalogue lacks a leaderboard neither stores its scores in Redis nor adds them to the journal. So when
the leaderboards of a process change, the rankings of those added or removed are invalidated, too, and when it ends,
those of all that it lacks.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

from shared.cache.errors import CacheRefused, CacheUnavailable
from shared.cache.ranking_cache import RankingCache
from shared.cache.ranking_markers import RankingMarkers
from shared.domain.catalogue import Catalogue
from shared.domain.database_identity import DatabaseIdentity
from shared.domain.errors import CatalogueUnavailable
from shared.domain.instant import Instant
from shared.domain.leaderboard import Leaderboard
from shared.domain.scores import LeaderboardScore, Score
from shared.operations.leaderboards.known_boards import KnownBoards
from shared.operations.redis_prefix import identify, prefix_problem
from shared.postgres.connection import Connection
from shared.postgres.database import Database
from shared.postgres.distribution.doubt import prepared_transactions
from shared.postgres.events import ledger
from shared.postgres.leaderboards import journal, ranking_refresh, scores
from shared.postgres.leaderboards.journal import JournalEntry
from shared.runtime.clock import Clock

PAGE_ROWS = 20_000
"""Tallies or standings read at once: some thousands of players, in some tens of milliseconds."""
PAGE_TIMEOUT_S = 10.0


def scores_of(
    database: Database, catalogue: Catalogue, user_ids: Sequence[str], deadline: float
) -> Iterable[LeaderboardScore]:
    """Return the current scores of these players on the catalogue's leaderboards."""
    found = database.autocommit(lambda connection: scores.of_players(connection, user_ids), deadline)
    boards = catalogue.leaderboard_by_id
    return [
        LeaderboardScore(boards[ranking.board_id], ranking.period_start, score)
        for ranking, score in found
        if ranking.board_id in boards
    ]


def score_pages(
    database: Database, board: Leaderboard, period_start: Instant, after: str | None = "", rows: int = PAGE_ROWS
) -> Iterator[list[Score]]:
    """Yield the scores of a ranking in pages of up to `rows` rows read, by player id in byte order, after `after`.

    A page may be empty. Each page is read when it is asked for, so later pages include later changes.
    """
    while after is not None:
        page, after = database.autocommit(
            lambda connection, start=after: scores.of_ranking(connection, board, period_start, start, rows),  # type: ignore[misc]
            time.monotonic() + PAGE_TIMEOUT_S,
        )
        yield page


log = logging.getLogger(__name__)

SYNC_INTERVAL_S = 2.0
"""Pass interval, and the time that a writer has for its own entries before they count as missed."""
PASS_TIMEOUT_S = 10.0
ENTRIES_MAX = 10_000
"""Bound of the journal: a minute of single events at full speed, or some megabytes."""
NOTES_MAX = 100_000
"""Bound of the entries of changed players for the rankings in the database: some ten megabytes."""
NOTED_PLAYERS_MAX = 1_000_000
"""Bound of the players in them."""
BOUND_PASSES = 5
"""Passes from one count of the journal to the next. Its bound need not be sharp, and idle processes ask less often."""
READ_MAX = 1_000
"""Journal entries read in one pass."""
PLAYERS_MAX = 1_000
"""Players in one read of scores."""

CatalogueInUse = Callable[[], Catalogue]
"""Returns the catalogue in use. Raises `CatalogueUnavailable` while there is none."""


class RankingSync:
    """The sync duty. Without Redis it only bounds the journal."""

    def __init__(
        self,
        database: Database,
        catalogue: CatalogueInUse,
        clock: Clock,
        rankings: RankingCache | None = None,
        markers: RankingMarkers | None = None,
        known_boards: KnownBoards | None = None,
    ) -> None:
        self._database = database
        self._catalogue = catalogue
        self._rankings = rankings
        self._markers = markers
        self._clock = clock
        self.known_boards = known_boards or KnownBoards(database)
        self._passes = 0
        self._identity: DatabaseIdentity | None = None
        self._seen: frozenset[int] = frozenset()
        self._prepared: frozenset[str] = frozenset()
        self._all_seen_at: Instant | None = None
        self.fresh_at: Instant | None = None
        """Everything committed before this instant is in the trusted rankings. None if not known yet."""

    def one_pass(self) -> None:
        """Store the scores of journal entries that were already there one pass ago."""
        this_pass = self._clock()
        deadline = time.monotonic() + PASS_TIMEOUT_S
        if self._passes % BOUND_PASSES == 0:
            waiting = self._database.autocommit(lambda connection: journal.count(connection, ENTRIES_MAX), deadline)
            if waiting >= ENTRIES_MAX:
                self._database.transact(journal.drop, deadline)
            noted = self._database.autocommit(
                lambda connection: ranking_refresh.count_changes(connection, NOTES_MAX), deadline
            )
            if noted[0] >= NOTES_MAX or noted[1] >= NOTED_PLAYERS_MAX:
                self._database.transact(ranking_refresh.forget_changes, deadline)
        self._passes += 1
        try:
            self.known_boards.follow(self._catalogue(), deadline)
        except CatalogueUnavailable:
            return
        if self._rankings is None or self._markers is None:
            return
        identity = identify(self._database, self._rankings.prefix, deadline)
        problem = prefix_problem(identity, self._rankings.prefix)
        self._rankings.block(problem)
        if problem is not None:
            return
        self._begin_again_if_changed(identity)
        epochs = self._database.autocommit(scores.board_epochs, deadline)
        self._markers.set_known(identity, epochs, self.fresh_at)
        entries = self._database.autocommit(lambda connection: journal.read(connection, READ_MAX), deadline)
        missed = [entry for entry in entries if entry.entry_id in self._seen]
        self._seen = frozenset(entry.entry_id for entry in entries)
        if not self._are_all_visible(deadline):
            return
        if (not missed or self._repair(self._rankings, identity, missed, deadline)) and self._all_seen_at is not None:
            self.fresh_at = self._all_seen_at
        if len(entries) < READ_MAX:
            self._all_seen_at = this_pass
        self._markers.set_known(identity, epochs, self.fresh_at)

    def _are_all_visible(self, deadline: float) -> bool:
        """Return whether every node shows the scores of the entries that were there one pass ago.

        The journal is on the coordinator, which commits first.
        """
        prepared = self._database.autocommit(prepared_transactions, deadline)
        lasting, self._prepared = prepared & self._prepared, prepared
        return not lasting

    def _begin_again_if_changed(self, identity: DatabaseIdentity) -> None:
        """Forget what was seen in another state of the database."""
        if identity == self._identity:
            return
        if self._identity is not None:
            log.warning(
                "database identity or timeline changed, verifying or rebuilding rankings in Redis",
                extra={"key": identity.key, "timeline": identity.timeline},
            )
        self._identity, self._seen, self._all_seen_at, self.fresh_at = identity, frozenset(), None, None

    def _repair(
        self, rankings: RankingCache, identity: DatabaseIdentity, missed: Sequence[JournalEntry], deadline: float
    ) -> bool:
        """Store the scores of missed entries in Redis, and return whether that succeeded."""
        user_ids = sorted({user_id for entry in missed for user_id in entry.user_ids})
        try:
            for start in range(0, len(user_ids), PLAYERS_MAX):
                batch = user_ids[start : start + PLAYERS_MAX]
                rankings.put(scores_of(self._database, self._catalogue(), batch, deadline), identity.key)
            entry_ids = [entry.entry_id for entry in missed]
            delete_entries(self._database, self._catalogue(), rankings, entry_ids, user_ids, identity.key, deadline)
        except (CacheUnavailable, CacheRefused, CatalogueUnavailable):
            return False
        return True


def delete_entries(
    database: Database,
    catalogue: Catalogue,
    rankings: RankingCache,
    entry_ids: Sequence[int],
    user_ids: Collection[str],
    database_key: str,
    deadline: float,
) -> None:
    """Delete journal entries whose scores Redis has under this key, and from Redis the players who were erased since.

    If the database has another key by now, the entries stay, and the scores are stored under that key. Raise
    `CacheUnavailable` or `CacheRefused`, and what the database raises: then the repair deletes the players later.
    """

    def delete(connection: Connection) -> tuple[frozenset[str], list[int]]:
        journal.delete(connection, entry_ids, database_key)
        erased = ledger.read_erased(connection, user_ids)
        # The erasure has taken the player out of the entries. Until Redis has none of the player, whatever becomes of
        # Redis or this process, an entry makes the repair visit the player.
        return erased, [journal.insert(connection, sorted(erased))] if erased else []

    erased, repair_entries = database.transact(delete, deadline)
    if erased:
        remove_erased(database, catalogue, rankings, erased, database_key, deadline)
        database.transact(lambda connection: journal.delete(connection, repair_entries, database_key), deadline)


def remove_erased(
    database: Database,
    catalogue: Catalogue,
    rankings: RankingCache,
    erased: Collection[str],
    database_key: str,
    deadline: float,
) -> None:
    """Delete erased players from Redis, but for what they have reached since.

    Whoever stores scores in Redis that were read before, does this afterwards: an erasure that it does not see yet
    deletes the player itself later. Raise `CacheUnavailable` or `CacheRefused`, and what the database raises.
    """
    for user_id in erased:
        rankings.forget(user_id)
    if erased:
        rankings.put(scores_of(database, catalogue, sorted(erased), deadline), database_key)
