"""Leaderboards as commands work on them: the database, Redis and the catalogue together."""

from __future__ import annotations

import argparse
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from admin.opening import load_catalogue, open_cache, open_database, stop
from shared.cache.cache_telemetry import CacheTelemetry
from shared.cache.ranking_markers import RankingMarkers
from shared.cache.rankings import RankingCache
from shared.cache.redis import Cache
from shared.domain.catalogue import Catalogue, Leaderboard
from shared.domain.instant import Instant, to_instant
from shared.domain.scores import RankingKey
from shared.operations.leaderboards.ranking_build import RankingBuilder
from shared.postgres.database import Database
from shared.postgres.leaderboards import journal, overview, scores
from shared.runtime.telemetry import Telemetry

DEADLINE_S = 30.0
WAITING_MAX = 1_000_000


@dataclass(frozen=True)
class BoardAccess:
    """What commands on leaderboards need. Redis answers, or did just now."""

    database: Database
    catalogue: Catalogue
    cache: Cache
    boards: RankingCache
    markers: RankingMarkers

    def builder(self) -> RankingBuilder:
        """Builds rankings beside those in use."""
        return RankingBuilder(
            self.database, lambda: self.catalogue, self.cache, self.boards, self.markers, threading.Event()
        )

    def open_rankings(self) -> Sequence[RankingKey]:
        """The rankings of the catalogue's boards that may still change, in their order there."""
        found = self.database.autocommit(scores.open_rankings, time.monotonic() + DEADLINE_S)
        places = {board.id: place for place, board in enumerate(self.catalogue.leaderboards)}
        known = [ranking for ranking in found if ranking.board_id in places]
        return sorted(known, key=lambda ranking: (places[ranking.board_id], ranking.period_start))


def count_players(database: Database, ranking: RankingKey) -> int:
    """How many players of a ranking the database has."""
    return database.autocommit(
        lambda connection: overview.count_players(connection, ranking), time.monotonic() + DEADLINE_S
    )


@contextmanager
def open_boards(command: str) -> Iterator[BoardAccess]:
    """Open everything, and end the command if any of it is away."""
    catalogue = load_catalogue()
    with open_database(command) as database, open_cache() as cache:
        yield board_access(database, catalogue, cache)


def board_access(database: Database, catalogue: Catalogue, cache: Cache) -> BoardAccess:
    """Look at rankings in Redis as the services do."""
    markers = RankingMarkers(cache)
    markers.set_epochs(database.autocommit(scores.board_epochs, time.monotonic() + DEADLINE_S))
    return BoardAccess(
        database, catalogue, cache, RankingCache(cache, markers, CacheTelemetry(Telemetry(), cache)), markers
    )


def say_what_waits(database: Database) -> None:
    """Say on standard error how many changes Redis has not been told of yet, if there are some."""
    waiting = database.autocommit(
        lambda connection: journal.count(connection, WAITING_MAX), time.monotonic() + DEADLINE_S
    )
    if waiting:
        print(f"{waiting:,} changes wait to get to Redis; services that run see to it", file=sys.stderr)


def board_of(catalogue: Catalogue, board_id: str) -> Leaderboard:
    """The board, or the end of the command."""
    board = catalogue.leaderboard_by_id.get(board_id)
    if board is None:
        known = ", ".join(board.id for board in catalogue.leaderboards) or "none"
        stop(f"the catalogue has no leaderboard {board_id!r}; it has: {known}")
    return board


def instant_argument(text: str) -> Instant:
    """An instant that somebody typed: a date or a time of ISO 8601, in UTC unless it says otherwise."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no date or time such as 2026-11-25 or 2026-11-25T12:00Z"
        ) from None
    return to_instant(moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC))
