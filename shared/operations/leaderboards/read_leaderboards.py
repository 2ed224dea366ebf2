"""What leaderboards answer, wherever the answer comes from.

A period that is final answers from its final ranking, for ever the same. Any other is asked of the readers in their
order, until one can answer: Redis, which knows the present, before the ranking that Postgres refreshes now and then.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from shared.domain.catalogue import Leaderboard
from shared.domain.errors import LeaderboardPeriodNotFound, RankingUnavailable
from shared.domain.instant import DAY, Instant
from shared.domain.periods import Period, period_at
from shared.domain.rankings import LeaderboardReader, Ranked, RankedPage
from shared.postgres.database import Database
from shared.postgres.leaderboards import leaderboard_periods
from shared.postgres.leaderboards.ranking_readers import FinalReader, RankingReader

AHEAD_MAX: Instant = 62 * DAY
"""No period that is open begins later than that from now."""

_Question = Callable[[LeaderboardReader, Instant], RankedPage | None]
"""What a reader is asked about a period."""


class LeaderboardPage(NamedTuple):
    """Some players of a board in a period, by place."""

    ranked: tuple[Ranked, ...]
    size: int
    """How many players are on the board."""
    period: Period
    final: bool
    """Whether it will be the same for ever."""
    fresh_at: Instant
    """What it is as of."""


class Leaderboards:
    """Asks the readers."""

    def __init__(self, database: Database, readers: Sequence[LeaderboardReader] = ()) -> None:
        """`readers` are asked before Postgres, in their order."""
        self._database = database
        self._readers = readers

    def top(
        self, board: Leaderboard, instant: Instant, first: int, count: int, now: Instant, deadline: float
    ) -> LeaderboardPage:
        """`count` players from the place `first` (from 1) on, in the period that the instant lies in.

        Raises `LeaderboardPeriodNotFound`, `RankingUnavailable`, and what the database raises.
        """
        return self._ask(board, instant, now, deadline, lambda reader, start: reader.top(board, start, first, count))

    def of_players(
        self, board: Leaderboard, instant: Instant, user_ids: Sequence[str], now: Instant, deadline: float
    ) -> LeaderboardPage:
        """Those of these players who are on the board; raises as `top` does."""
        return self._ask(board, instant, now, deadline, lambda reader, start: reader.of_players(board, start, user_ids))

    def around(
        self, board: Leaderboard, instant: Instant, user_id: str, neighbours: int, now: Instant, deadline: float
    ) -> LeaderboardPage:
        """A player with up to so many before and after, or nobody; raises as `top` does."""
        return self._ask(
            board, instant, now, deadline, lambda reader, start: reader.around(board, start, user_id, neighbours)
        )

    def _ask(
        self, board: Leaderboard, instant: Instant, now: Instant, deadline: float, question: _Question
    ) -> LeaderboardPage:
        period = period_at(board.schedule, now)
        if period.end is None or period.start <= instant < period.end:
            # The current period: open, and not final.
            return self._ranking(period, now, deadline, question)
        if not 0 <= instant <= now + AHEAD_MAX:
            raise _no_period(board)
        period = period_at(board.schedule, instant)
        is_final = self._database.autocommit(
            lambda connection: leaderboard_periods.is_final(connection, board.id, period.start), deadline
        )
        if is_final is None:
            raise _no_period(board)
        if not is_final:
            return self._ranking(period, now, deadline, question)
        page = self._database.autocommit(lambda connection: question(FinalReader(connection), period.start), deadline)
        return _answer(page, period, now, final=True)

    def _ranking(self, period: Period, now: Instant, deadline: float, question: _Question) -> LeaderboardPage:
        for reader in self._readers:
            page = question(reader, period.start)
            if page is not None:
                return _answer(page, period, now, final=False)
        page = self._database.autocommit(lambda connection: question(RankingReader(connection), period.start), deadline)
        return _answer(page, period, now, final=False)


def _answer(page: RankedPage | None, period: Period, now: Instant, *, final: bool) -> LeaderboardPage:
    if page is None:
        raise RankingUnavailable
    return LeaderboardPage(page.ranked, page.size, period, final, now if page.fresh_at is None else page.fresh_at)


def _no_period(board: Leaderboard) -> LeaderboardPeriodNotFound:
    return LeaderboardPeriodNotFound("the leaderboard had no period then", leaderboard_id=board.id)
