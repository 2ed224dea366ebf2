"""Rankings by sorting all players, the reference for every store of rankings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from shared.domain.instant import Instant
from shared.domain.leaderboard import Leaderboard, Ranked, RankedPage


class Scored(NamedTuple):
    """A player's score, and when it was reached."""

    user_id: str
    score: int
    reached_time: Instant = 0


class BruteForceReader:
    """A `LeaderboardReader` over scores in memory."""

    def __init__(self, scores: Mapping[tuple[str, Instant], Sequence[Scored]]) -> None:
        """Rank these scores, given by leaderboard id and period start."""
        self._scores = scores

    def everybody(self, board: Leaderboard, period_start: Instant) -> list[Ranked]:
        """Return all players of a ranking, by place."""

        def by_place(scored: Scored) -> tuple[int, Instant, bytes]:
            return (scored.score if board.ascending else -scored.score, scored.reached_time, scored.user_id.encode())

        in_order = sorted(self._scores.get((board.id, period_start), ()), key=by_place)
        scores = [scored.score for scored in in_order]
        return [
            Ranked(*scored, place, scores.index(scored.score) + 1 if board.shared_ranks else place)
            for place, scored in enumerate(in_order, 1)
        ]

    def top(self, board: Leaderboard, period_start: Instant, first: int, count: int) -> RankedPage:
        """Return `count` players from place `first` (from 1)."""
        everybody = self.everybody(board, period_start)
        return RankedPage(tuple(everybody[first - 1 : first - 1 + count]), len(everybody))

    def of_players(self, board: Leaderboard, period_start: Instant, user_ids: Sequence[str]) -> RankedPage:
        """Return those of these players who are in the ranking."""
        everybody = self.everybody(board, period_start)
        return RankedPage(tuple(ranked for ranked in everybody if ranked.user_id in user_ids), len(everybody))

    def around(self, board: Leaderboard, period_start: Instant, user_id: str, neighbours: int) -> RankedPage:
        """Return a player with up to `neighbours` before and after."""
        everybody = self.everybody(board, period_start)
        places = [ranked.place for ranked in everybody if ranked.user_id == user_id]
        near = [ranked for ranked in everybody if any(abs(ranked.place - place) <= neighbours for place in places)]
        return RankedPage(tuple(near), len(everybody))
