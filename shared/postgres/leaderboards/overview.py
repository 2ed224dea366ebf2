"""What the database knows of all rankings, for operators."""

from __future__ import annotations

from typing import NamedTuple

from shared.domain.instant import Instant
from shared.domain.scores import RankingKey
from shared.postgres.connection import Connection
from shared.postgres.statements import statement

_LIST = statement("list_rankings")
_COUNT = statement("count_ranking")


class KeptRanking(NamedTuple):
    """One ranking."""

    board_id: str
    period_start: Instant
    period_end: Instant | None
    """None for the lifetime."""
    final_time: Instant | None
    """None while it may change."""
    players: int | None
    """Only of a final one."""
    fallback_time: Instant | None
    """As of when the database answers while Redis cannot; None: never refreshed."""


def rankings(connection: Connection, finals: int) -> list[KeptRanking]:
    """All that may change, and the newest `finals` final ones of each board."""
    return list(map(KeptRanking._make, _LIST.rows(connection, finals)))


def count_players(connection: Connection, ranking: RankingKey) -> int:
    """How many players are in a ranking that may change; 0 in any other."""
    row = _COUNT.row(connection, *ranking)
    return 0 if row is None else int(row[0])
