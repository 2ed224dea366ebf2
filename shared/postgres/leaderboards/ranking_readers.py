"""Where players stand, read from the database: as of the last refresh, or for ever in periods that are final."""

from __future__ import annotations

from collections.abc import Sequence

from shared.domain.catalogue import Leaderboard
from shared.domain.instant import Instant
from shared.domain.rankings import Ranked, RankedPage
from shared.postgres.arrays import text_array
from shared.postgres.connection import Connection
from shared.postgres.statements import Statement, statement

_RANKING_FROM = statement("read_ranking_from")
_RANKING_OF_PLAYERS = statement("read_ranking_of_players")
_FINAL_FROM = statement("read_final_ranking_from")
_FINAL_OF_PLAYERS = statement("read_final_ranking_of_players")


class _PostgresReader:
    """A `LeaderboardReader` over two statements, which answer the same columns."""

    def __init__(self, connection: Connection, from_place: Statement, of_players: Statement) -> None:
        self._connection = connection
        self._from_place = from_place
        self._of_players = of_players

    def top(self, board: Leaderboard, period_start: Instant, first: int, count: int) -> RankedPage | None:
        """`count` players from the place `first` (from 1) on; fewer where the board ends."""
        return _page(board, self._from_place.rows(self._connection, board.id, period_start, first, count))

    def of_players(self, board: Leaderboard, period_start: Instant, user_ids: Sequence[str]) -> RankedPage | None:
        """Those of these players who are on the board."""
        return _page(board, self._of_players.rows(self._connection, board.id, period_start, text_array(user_ids)))

    def around(self, board: Leaderboard, period_start: Instant, user_id: str, neighbours: int) -> RankedPage | None:
        """A player with up to so many before and after; nobody if the player is not on the board."""
        while True:
            alone = self.of_players(board, period_start, [user_id])
            if alone is None or not alone.ranked or not neighbours:
                return alone
            place = alone.ranked[0].place
            first = max(1, place - neighbours)
            page = self.top(board, period_start, first, place - first + 1 + neighbours)
            # If there was a refresh between the two, the player may stand elsewhere now.
            if page is None or page.fresh_at == alone.fresh_at:
                return page


class RankingReader(_PostgresReader):
    """Reads what was ranked at the last refresh; None before the first."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection, _RANKING_FROM, _RANKING_OF_PLAYERS)


class FinalReader(_PostgresReader):
    """Reads rankings of periods that are final; None for other periods."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection, _FINAL_FROM, _FINAL_OF_PLAYERS)


def _page(
    board: Leaderboard, rows: Sequence[tuple[Instant, int, str | None, int, Instant, int, int]]
) -> RankedPage | None:
    if not rows:
        return None
    fresh_at, size, *_ = rows[0]
    ranked = tuple(
        Ranked(user_id, score, reached_time, place, shared_rank if board.shared_ranks else place)
        for _, _, user_id, score, reached_time, place, shared_rank in rows
        if user_id is not None
    )
    return RankedPage(ranked, size, fresh_at)
