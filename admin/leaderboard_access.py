"""Access to leaderboards for commands: the database, Redis and the catalogue together."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from admin.opening import agreed_prefix, load_catalogue, open_cache, open_database, read, stop
from admin.terminal import progress_bars, ranking_text, say, say_error
from shared.cache.cache_telemetry import CacheTelemetry
from shared.cache.errors import CacheUnavailable
from shared.cache.ranking_builds import BuildLost
from shared.cache.ranking_cache import RankingCache
from shared.cache.ranking_markers import RankingMarkers
from shared.cache.redis import Cache
from shared.domain.catalogue import Catalogue
from shared.domain.leaderboard import Leaderboard
from shared.domain.scores import RankingKey
from shared.operations.leaderboards.ranking_build import RankingBuilder
from shared.postgres import database_identity
from shared.postgres.database import Database
from shared.postgres.leaderboards import journal, overview, scores
from shared.runtime.telemetry import Telemetry

WAITING_MAX = 1_000_000


@dataclass(frozen=True)
class LeaderboardAccess:
    """The parts that commands on leaderboards need. Redis has just replied."""

    database: Database
    catalogue: Catalogue
    cache: Cache
    boards: RankingCache
    markers: RankingMarkers

    def open_rankings(self) -> Sequence[RankingKey]:
        """Return the rankings of the catalogue's leaderboards that may still change, in the catalogue's order."""
        order = {board.id: index for index, board in enumerate(self.catalogue.leaderboards)}
        known = [ranking for ranking in read(self.database, scores.open_rankings) if ranking.board_id in order]
        return sorted(known, key=lambda ranking: (order[ranking.board_id], ranking.period_start))

    def build(self, ranking: RankingKey, progress: Callable[[int], object]) -> str | None:
        """Build a ranking in Redis from the database, and return why that failed, or None.

        `progress` is called with the number of further players.
        """
        builder = RankingBuilder(
            self.database, lambda: self.catalogue, self.cache, self.boards, self.markers, threading.Event()
        )
        board = self.catalogue.leaderboard_by_id[ranking.board_id]
        try:
            if not builder.build(board, ranking.period_start, progress):
                return "another process is already building it, with the same result"
        except BuildLost:
            return "Redis has forgotten what was built, or was too slow; try again"
        except CacheUnavailable as error:
            cause = type(error.__cause__ or error).__name__
            return f"Redis does not respond ({cause}); services build it when it is back"
        return None

    def build_all(self, rankings: Iterable[RankingKey]) -> bool:
        """Build rankings, print the outcome of each, and return whether all were built."""
        complete = True
        with progress_bars() as bars:
            for ranking in rankings:
                task = bars.add_task(f"build {ranking_text(ranking)}", total=count_players(self.database, ranking))
                started = time.monotonic()
                problem = self.build(ranking, partial(bars.advance, task))
                if problem is None:
                    players, took_s = bars.tasks[task].completed, time.monotonic() - started
                    say(f"{ranking_text(ranking)}: {players:,.0f} players in {took_s:.1f} s")
                else:
                    complete = False
                    say_error(f"{ranking_text(ranking)}: not built: {problem}")
        return complete


RANKINGS_NOTED = 100
"""Rankings that an entry of the audit names."""


def rankings_details(rankings: Sequence[RankingKey]) -> dict[str, Any]:
    """Return rankings for the audit."""
    return {"rankings": [ranking._asdict() for ranking in rankings[:RANKINGS_NOTED]], "count": len(rankings)}


def count_players(database: Database, ranking: RankingKey) -> int:
    """Return the number of players of a ranking in the database."""
    return read(database, lambda connection: overview.count_players(connection, ranking))


@contextmanager
def open_leaderboards(command: str) -> Iterator[LeaderboardAccess]:
    """Open the database and Redis. The command ends if either cannot be reached."""
    catalogue = load_catalogue()
    with open_database(command) as database, open_cache() as cache:
        yield leaderboard_access(database, catalogue, cache)


def leaderboard_access(database: Database, catalogue: Catalogue, cache: Cache) -> LeaderboardAccess:
    """Return access to rankings in Redis as the services have it."""
    identity = read(database, database_identity.read)
    agreed_prefix(identity)
    markers = RankingMarkers(cache)
    markers.set_known(identity, read(database, scores.board_epochs))
    boards = RankingCache(cache, markers, CacheTelemetry(Telemetry(), cache))
    return LeaderboardAccess(database, catalogue, cache, boards, markers)


def print_waiting_changes(database: Database) -> None:
    """Print on standard error how many changes have not reached Redis yet, if any."""
    waiting = read(database, lambda connection: journal.count(connection, WAITING_MAX))
    if waiting:
        say_error(f"{waiting:,} changes wait to get to Redis; running services deliver them")


def board_of(catalogue: Catalogue, board_id: str) -> Leaderboard:
    """Return the leaderboard, or end the command."""
    board = catalogue.leaderboard_by_id.get(board_id)
    if board is None:
        known = ", ".join(board.id for board in catalogue.leaderboards) or "none"
        stop(f"the catalogue has no leaderboard {board_id!r}; it has: {known}")
    return board
