"""Scores: what players are ranked by on leaderboards.

`leaderboard_score` in `migrations/0005-leaderboards.sql` is the same in the database.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from shared.domain.catalogue import Catalogue, Leaderboard, LeaderboardMeasure, Scope, Stat
from shared.domain.instant import DAY, Day, Instant
from shared.domain.periods import Schedule
from shared.domain.standings import Standing, StandingKey
from shared.domain.tally import Measures

UNKNOWN_TIME: Instant = 0
"""Of scores from before it was kept when they were reached."""


class RankingKey(NamedTuple):
    """One ranking."""

    board_id: str
    period_start: Instant


class Score(NamedTuple):
    """A player's score in one ranking, as of one version."""

    user_id: str
    score: int
    reached_time: Instant
    """Of two players with the same score, whoever reached it first stands first."""
    version: int
    """Grows with every change of what the score is made of: of two scores the one with the greater version is newer."""


class LeaderboardScore(NamedTuple):
    """A score on a board in one of its periods."""

    board: Leaderboard
    period_start: Instant
    score: Score


class TallyState(NamedTuple):
    """A stored tally, as far as boards rank by it."""

    user_id: str
    stat: Stat
    schedule: Schedule
    period_start: Instant
    measures: Measures
    sum_time: Instant | None
    events_time: Instant | None
    highest_time: Instant | None
    last_day: Day | None
    """The newest day with an event; None where days are not counted."""


def changed_scores(
    catalogue: Catalogue, tallies: Iterable[TallyState], standings: Mapping[StandingKey, Standing]
) -> Iterator[LeaderboardScore]:
    """The scores on the catalogue's boards that tallies and standings stand for, as they are stored now."""
    boards = catalogue.leaderboards_over
    for tally in tallies:
        for board in boards.get((tally.stat, tally.schedule), ()):
            score = _score_of_tally(board, tally)
            if score is not None:
                yield LeaderboardScore(board, tally.period_start, score)
    for key, standing in standings.items():
        for board in boards.get((Scope(key.scope, key.scope_id), key.schedule), ()):
            reached = UNKNOWN_TIME if standing.points_time is None else standing.points_time
            score = Score(key.user_id, standing.points, reached, standing.version)
            yield LeaderboardScore(board, key.period_start, score)


def _score_of_tally(board: Leaderboard, tally: TallyState) -> Score | None:
    """None while the tally has nothing of what the board ranks by."""
    measures = tally.measures
    score: int | None
    match board.measure:
        case LeaderboardMeasure.SUM:
            score, reached = measures.sum or None, tally.sum_time
        case LeaderboardMeasure.EVENTS:
            score, reached = measures.events or None, tally.events_time
        case LeaderboardMeasure.HIGHEST:
            score, reached = measures.highest, tally.highest_time
        case LeaderboardMeasure.DAYS:
            score, reached = measures.day_count or None, None if tally.last_day is None else tally.last_day * DAY
        case LeaderboardMeasure.POINTS:
            raise ValueError(f"{board.id} ranks by points, not by a tally")
    if score is None:
        return None
    return Score(tally.user_id, score, UNKNOWN_TIME if reached is None else reached, measures.events)
