"""Scores on leaderboards in the database."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from shared.domain.instant import Instant
from shared.domain.leaderboard import Leaderboard, LeaderboardMeasure
from shared.domain.scores import RankingKey, Score
from shared.postgres.connection import Connection
from shared.postgres.statements import statement, text_array

_EPOCHS = statement("board_epochs")
_OPEN_RANKINGS = statement("open_rankings")
_OF_PLAYERS = statement("scores_of_players")
_OF_RANKING = statement("scores_of_ranking")
_PLAYER_AFTER_TALLIES = statement("player_after_tallies")
_PLAYER_AFTER_STANDINGS = statement("player_after_standings")

_BEHIND_ALL = "\U0010ffff" * 129
"""Text that sorts after every valid player id."""


class Portion(NamedTuple):
    """A portion of a ranking's scores."""

    scores: list[Score]
    last: str | None
    """The id that the next portion follows; None if this is the last portion."""


def board_epochs(connection: Connection) -> dict[str, int]:
    """Return the epoch of every leaderboard by id. An epoch rises when Redis may have missed changes."""
    return dict(_EPOCHS.rows(connection))


def open_rankings(connection: Connection) -> list[RankingKey]:
    """Return the rankings that may still change."""
    return list(map(RankingKey._make, _OPEN_RANKINGS.rows(connection)))


def of_players(connection: Connection, user_ids: Sequence[str]) -> list[tuple[RankingKey, Score]]:
    """Return the scores of these players in all open rankings."""
    rows = _OF_PLAYERS.rows(connection, text_array(user_ids))
    return [(RankingKey(board_id, start), Score(*score)) for board_id, start, *score in rows]


def of_ranking(connection: Connection, board: Leaderboard, period_start: Instant, after: str, rows: int) -> Portion:
    """Return the scores of a ranking's players after `after`, in byte order, from at most `rows` source rows.

    A portion may be empty without being the last one.
    """
    by_points = board.measure is LeaderboardMeasure.POINTS
    last = (player_after_standings if by_points else player_after_tallies)(connection, after, rows)
    scores = _OF_RANKING.rows(connection, board.id, period_start, after, last or _BEHIND_ALL)
    return Portion(list(map(Score._make, scores)), last)


def player_after_tallies(connection: Connection, after: str, rows: int) -> str | None:
    """Return the player of the `rows`-th tally after this player's last one; None if there are fewer."""
    row = _PLAYER_AFTER_TALLIES.row(connection, after, rows)
    return None if row is None else str(row[0])


def player_after_standings(connection: Connection, after: str, rows: int) -> str | None:
    """Return the player of the `rows`-th standing after this player's last one; None if there are fewer."""
    row = _PLAYER_AFTER_STANDINGS.row(connection, after, rows)
    return None if row is None else str(row[0])
