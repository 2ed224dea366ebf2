"""Overview of all rankings in the database, for operators."""

from __future__ import annotations

from typing import NamedTuple

from shared.domain.instant import Instant
from shared.domain.scores import RankingKey
from shared.postgres.connection import Connection
from shared.postgres.statements import statement

_LIST = statement("list_rankings")
_COUNT = statement("count_ranking")


class KeptRanking(NamedTuple):
    """A stored ranking."""

    board_id: str
    period_start: Instant
    period_end: Instant | None
    """None for the lifetime."""
    final_time: Instant | None
    """None while it may change."""
    players: int | None
    """None while it may change."""
    fallback_time: Instant | None
    """Time of the ranking that is read without Redis; None if it cannot be read."""


def rankings(connection: Connection, finals: int) -> list[KeptRanking]:
    """Return all rankings that may change, and the newest `finals` final ones of each leaderboard."""
    return list(map(KeptRanking._make, _LIST.rows(connection, finals)))


def count_players(connection: Connection, ranking: RankingKey) -> int:
    """Return the number of players in a ranking that may change; 0 for any other."""
    return int(_COUNT.value(connection, *ranking))
