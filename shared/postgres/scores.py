"""Scores on leaderboards, in the database."""

from __future__ import annotations

from collections.abc import Sequence

from shared.domain.scores import RankingKey, Score
from shared.postgres.arrays import text_array
from shared.postgres.connection import Connection
from shared.postgres.statements import statement

_EPOCHS = statement("board_epochs")
_OPEN_RANKINGS = statement("open_rankings")
_OF_PLAYERS = statement("scores_of_players")
_OF_RANKING = statement("scores_of_ranking")


def board_epochs(connection: Connection) -> dict[str, int]:
    """The epoch of every board, by its id: it rises when Redis may have missed changes."""
    return dict(_EPOCHS.rows(connection))


def open_rankings(connection: Connection) -> list[RankingKey]:
    """The rankings that may still change."""
    return list(map(RankingKey._make, _OPEN_RANKINGS.rows(connection)))


def of_players(connection: Connection, user_ids: Sequence[str]) -> list[tuple[RankingKey, Score]]:
    """The scores of these players in all open rankings."""
    rows = _OF_PLAYERS.rows(connection, text_array(user_ids))
    return [(RankingKey(board_id, start), Score(*score)) for board_id, start, *score in rows]


def of_ranking(connection: Connection, ranking: RankingKey, after: str, limit: int) -> list[Score]:
    """A portion of a ranking, by player: those who come after one, byte by byte. Empty: there is nobody more."""
    return list(map(Score._make, _OF_RANKING.rows(connection, *ranking, after, limit)))
