"""Rankings read from the database: as of the last refresh, or final."""

from __future__ import annotations

from collections.abc import Sequence

from shared.domain.instant import Instant
from shared.domain.leaderboard import Leaderboard, Ranked, RankedPage
from shared.postgres.connection import Connection
from shared.postgres.statements import Statement, statement, text_array

_RANKING_FROM = statement("read_ranking_from")
_RANKING_OF_PLAYERS = statement("read_ranking_of_players")
_FINAL_FROM = statement("read_final_ranking_from")
_FINAL_OF_PLAYERS = statement("read_final_ranking_of_players")


class _PostgresReader:
    """A `LeaderboardReader` over two statements that return the same columns."""

    def __init__(self, connection: Connection, from_place: Statement, of_players: Statement) -> None:
        self._connection = connection
        self._from_place = from_place
        self._of_players = of_players

    def top(self, board: Leaderboard, period_start: Instant, first: int, count: int) -> RankedPage | None:
        """Return `count` players from the place `first` on, counted from 1; fewer at the end of the leaderboard."""
        return _page(board, self._from_place.rows(self._connection, board.id, period_start, first, count))

    def of_players(self, board: Leaderboard, period_start: Instant, user_ids: Sequence[str]) -> RankedPage | None:
        """Return those of these players who are on the leaderboard."""
        return _page(board, self._of_players.rows(self._connection, board.id, period_start, text_array(user_ids)))

    def around(self, board: Leaderboard, period_start: Instant, user_id: str, neighbours: int) -> RankedPage | None:
        """Return a player with up to `neighbours` players on each side; none if the player is not ranked."""
        while True:
            alone = self.of_players(board, period_start, [user_id])
            if alone is None or not alone.ranked or not neighbours:
                return alone
            place = alone.ranked[0].place
            first = max(1, place - neighbours)
            page = self.top(board, period_start, first, place - first + 1 + neighbours)
            # If the ranking has changed between the two, the player may stand elsewhere now.
            if page is None or any((ranked.user_id, ranked.place) == (user_id, place) for ranked in page.ranked):
                return page


class RankingReader(_PostgresReader):
    """A reader of rankings that the duty keeps up to date; it returns None for those that are not complete yet."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection, _RANKING_FROM, _RANKING_OF_PLAYERS)


class FinalReader(_PostgresReader):
    """A reader of final rankings; it returns None for other periods."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection, _FINAL_FROM, _FINAL_OF_PLAYERS)


def _page(
    board: Leaderboard, rows: Sequence[tuple[Instant, int, str | None, int, Instant, int, int]]
) -> RankedPage | None:
    """Return the page that rows of players hold; None if there is no ranking."""
    if not rows:
        return None
    fresh_at, size, *_ = rows[0]
    ranked = tuple(
        Ranked(user_id, score, reached_time, place, shared_rank if board.shared_ranks else place)
        for _, _, user_id, score, reached_time, place, shared_rank in rows
        if user_id is not None
    )
    return RankedPage(ranked, size, fresh_at)
