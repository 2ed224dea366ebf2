"""Scores, by which leaderboards rank players.

`leaderboard_score` in `migrations/0005-leaderboards.sql` is the same in the database.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from shared.domain.catalogue import Catalogue
from shared.domain.goal import Stat
from shared.domain.instant import DAY, Day, Instant
from shared.domain.leaderboard import Leaderboard, LeaderboardMeasure
from shared.domain.standings import Scope, Standing, StandingKey
from shared.domain.tally import Measures

UNKNOWN_TIME: Instant = 0
"""The reached time of scores recorded before reached times were stored."""


class RankingKey(NamedTuple):
    """The key of a ranking: one leaderboard in one period."""

    board_id: str
    period_start: Instant


class Score(NamedTuple):
    """A player's score in a ranking, as of one version."""

    user_id: str
    score: int
    reached_time: Instant
    """When the score was reached; of two equal scores the earlier one is ahead."""
    version: int
    """Increases with every change of the tally or standing behind the score: the greater version is the newer score."""


class LeaderboardScore(NamedTuple):
    """A score on a leaderboard in one period."""

    board: Leaderboard
    period_start: Instant
    score: Score


class TallyState(NamedTuple):
    """The parts of a stored tally that leaderboards rank by."""

    user_id: str
    stat: Stat
    schedule: str
    """Canonical text of the schedule."""
    period_start: Instant
    measures: Measures
    sum_time: Instant | None
    events_time: Instant | None
    highest_time: Instant | None
    last_day: Day | None
    """The newest day with an event; None if days are not counted."""


def changed_scores(
    catalogue: Catalogue, tallies: Iterable[TallyState], standings: Mapping[StandingKey, Standing]
) -> Iterator[LeaderboardScore]:
    """Yield the scores on the catalogue's leaderboards for these stored tallies and standings."""
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
    """Return the score, or None while the tally has nothing of the leaderboard's measure."""
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
