"""Reads of leaderboards, from whichever source is available.

A final period is read from its final ranking, which never changes. For any other period the readers are tried in order
until one has the ranking: first Redis, which is current, then the ranking that is refreshed in Postgres at intervals.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from shared.domain.errors import LeaderboardPeriodNotFound, RankingUnavailable
from shared.domain.instant import DAY, Instant, Microseconds, Period
from shared.domain.leaderboard import Leaderboard, LeaderboardReader, Ranked, RankedPage
from shared.postgres.database import Database
from shared.postgres.leaderboards import leaderboard_periods
from shared.postgres.leaderboards.ranking_readers import FinalReader, RankingReader
from shared.postgres.stale_reads import StaleReads

AHEAD_MAX: Microseconds = 62 * DAY
"""No open period begins later than this from now."""

_Query = Callable[[LeaderboardReader, Instant], RankedPage | None]
"""A read from a reader, given the start of the period."""


class LeaderboardPage(NamedTuple):
    """Some players of a leaderboard in a period, by place."""

    ranked: tuple[Ranked, ...]
    size: int
    """Number of players on the leaderboard."""
    period: Period
    final: bool
    """True if the ranking will never change again."""
    fresh_at: Instant
    """Everything committed before this instant is included."""


class Leaderboards:
    """Reads of all leaderboards, in any period."""

    def __init__(self, database: Database | StaleReads, readers: Sequence[LeaderboardReader] = ()) -> None:
        """Try `readers` in order before Postgres."""
        self._database = database
        self._readers = readers

    def top(
        self, board: Leaderboard, instant: Instant, first: int, count: int, now: Instant, deadline: float
    ) -> LeaderboardPage:
        """Return `count` players from the place `first` (from 1) on, in the period that contains `instant`.

        Raise `LeaderboardPeriodNotFound` or `RankingUnavailable`, and what the database raises.
        """
        return self._ask(board, instant, now, deadline, lambda reader, start: reader.top(board, start, first, count))

    def of_players(
        self, board: Leaderboard, instant: Instant, user_ids: Sequence[str], now: Instant, deadline: float
    ) -> LeaderboardPage:
        """Return those of these players who are on the leaderboard. Raise as `top` does."""
        return self._ask(board, instant, now, deadline, lambda reader, start: reader.of_players(board, start, user_ids))

    def around(
        self, board: Leaderboard, instant: Instant, user_id: str, neighbours: int, now: Instant, deadline: float
    ) -> LeaderboardPage:
        """Return a player with up to `neighbours` before and after, or no one. Raise as `top` does."""
        return self._ask(
            board, instant, now, deadline, lambda reader, start: reader.around(board, start, user_id, neighbours)
        )

    def _ask(
        self, board: Leaderboard, instant: Instant, now: Instant, deadline: float, query: _Query
    ) -> LeaderboardPage:
        """Read from the current ranking, an open past one, or a final one, whichever the instant falls into."""
        current = board.schedule.shown_at(now)
        if current is not None and (current.end is None or current.start <= instant < current.end):
            # The current period is open and not final.
            return self._ranking(current, now, deadline, query)
        if not 0 <= instant <= now + AHEAD_MAX:
            raise _no_period(board)
        period = board.schedule.shown_at(instant)
        if period is None:
            raise _no_period(board)
        is_final = self._database.autocommit(
            lambda connection: leaderboard_periods.is_final(connection, board.id, period.start), deadline
        )
        if is_final is None:
            raise _no_period(board)
        if not is_final:
            return self._ranking(period, now, deadline, query)
        page = self._database.autocommit(lambda connection: query(FinalReader(connection), period.start), deadline)
        return _page_of(page, period, now, final=True)

    def _ranking(self, period: Period, now: Instant, deadline: float, query: _Query) -> LeaderboardPage:
        for reader in self._readers:
            page = query(reader, period.start)
            if page is not None:
                return _page_of(page, period, now, final=False)
        page = self._database.autocommit(lambda connection: query(RankingReader(connection), period.start), deadline)
        return _page_of(page, period, now, final=False)


def _page_of(page: RankedPage | None, period: Period, now: Instant, *, final: bool) -> LeaderboardPage:
    if page is None:
        raise RankingUnavailable
    return LeaderboardPage(page.ranked, page.size, period, final, now if page.fresh_at is None else page.fresh_at)


def _no_period(board: Leaderboard) -> LeaderboardPeriodNotFound:
    return LeaderboardPeriodNotFound("the leaderboard had no period then", leaderboard_id=board.id)
