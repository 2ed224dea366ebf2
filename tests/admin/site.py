"""A running game as operators find it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from admin.__main__ import main
from shared.cache.keys import KeySpace, RankingKeys
from shared.domain.catalogue import Catalogue
from shared.domain.events import Event
from shared.domain.instant import DAY
from shared.domain.scores import RankingKey
from shared.operations.catalogue.catalogue_record import record_catalogue
from tests.catalogue.documents import Mapping, loaded, write_json
from tests.support.databases import opened, soon
from tests.support.flushing import flush
from tests.support.redis_clients import redis_client_of
from tests.support.sample_catalogue import assigned, challenge
from tests.support.services import NOW, rows
from tests.support.strategies import KILLS

PLAYERS = 30
WINNERS = 20
"""Two of three players reach the target and get its points."""

DOCUMENT: Mapping = {
    "challenges": [challenge("arena", assigned("win", stat=KILLS.code, count="sum", target=2, points=5))],
    "leaderboards": [
        {"id": "champions", "name": "Champions", "over": "points"},
        {"id": "best", "name": "Best", "over": "stat", "stat": KILLS.code, "count": "highest", "period": "day"},
    ],
}


@dataclass(frozen=True)
class Site:
    """The database, Redis and the catalogue."""

    database_url: str
    redis: Any
    catalogue: Catalogue
    catalogue_file: Path

    def play(self, first: int = 0) -> None:
        """Report an event of each player. Redis does not hear of the changes."""
        events = [
            Event(f"{first} {number}", f"player {number}", NOW, KILLS, delta=1 + number % 3, value=first + number)
            for number in range(PLAYERS)
        ]
        # A session that ends adds its counts to the statistics of the server.
        with opened(self.database_url, pool_size=1) as database:
            flush(database, self.catalogue, events, soon())

    @property
    def champions(self) -> RankingKeys:
        """The keys of the leaderboard over points."""
        return self._keys(RankingKey("champions", 0))

    @property
    def today(self) -> RankingKeys:
        """The keys of the daily leaderboard's current period."""
        return self._keys(RankingKey("best", NOW - NOW % DAY))

    def _keys(self, ranking: RankingKey) -> RankingKeys:
        return KeySpace("", self.rows("SELECT database_key()")[0][0]).ranking(ranking)

    def rows(self, query: str, *parameters: object) -> list[tuple[Any, ...]]:
        """Return rows of the database."""
        return rows(self.database_url, query, *parameters)


@contextmanager
def opened_site(database_url: str, redis_url: str, file: Path) -> Iterator[Site]:
    """Record the catalogue, let everybody play once and yield the game. Redis is empty."""
    write_json(file, DOCUMENT)
    catalogue = loaded(DOCUMENT)
    with opened(database_url, pool_size=1) as database, redis_client_of(redis_url) as client:
        record_catalogue(database, catalogue, NOW, soon())
        site = Site(database_url, client, catalogue, file)
        site.play()
        yield site


def admin(*arguments: str) -> int:
    """Run a command and return its exit status."""
    return main(arguments)
