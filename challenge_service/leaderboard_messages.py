"""Leaderboards as messages."""

from __future__ import annotations

from challenge.v1 import leaderboard_service_pb2 as rpc

from shared.domain.leaderboard import Leaderboard, LeaderboardMeasure, Ranked
from shared.domain.schedules import DAILY, LIFETIME, MONTHLY, WEEKLY
from shared.domain.scopes import Scope, ScopeKind
from shared.operations.leaderboards.read_leaderboards import LeaderboardPage
from shared.rpc.instants import timestamp_message

MEASURES = {
    measure: rpc.LeaderboardMeasure.Value(f"LEADERBOARD_MEASURE_{measure.name}") for measure in LeaderboardMeasure
}
SCHEDULES = {
    LIFETIME: rpc.LEADERBOARD_SCHEDULE_ALL_TIME,
    DAILY: rpc.LEADERBOARD_SCHEDULE_DAY,
    WEEKLY: rpc.LEADERBOARD_SCHEDULE_WEEK,
    MONTHLY: rpc.LEADERBOARD_SCHEDULE_MONTH,
}


def leaderboard_message(board: Leaderboard) -> rpc.Leaderboard:
    """Return a leaderboard's definition as a message."""
    message = rpc.Leaderboard(
        leaderboard_id=board.id,
        name=board.name,
        description=board.description,
        measure=MEASURES[board.measure],
        schedule=SCHEDULES.get(board.schedule, rpc.LEADERBOARD_SCHEDULE_CUSTOM),
        schedule_id=board.schedule.id,
        ascending=board.ascending,
        shared_ranks=board.shared_ranks,
    )
    if not isinstance(board.ranked, Scope):
        message.stat_code = board.ranked.code
    elif board.ranked.kind is ScopeKind.CHALLENGE:
        message.challenge_id = board.ranked.id
    elif board.ranked.kind is ScopeKind.TAG:
        message.tag = board.ranked.id
    return message


def entry_message(ranked: Ranked) -> rpc.LeaderboardEntry:
    """Return a player's entry on a leaderboard."""
    return rpc.LeaderboardEntry(
        user_id=ranked.user_id,
        rank=ranked.rank,
        place=ranked.place,
        score=ranked.score,
        reached_time=timestamp_message(ranked.reached_time),
    )


def state_message(page: LeaderboardPage) -> rpc.LeaderboardState:
    """Return the state of the ranking that a page was read from."""
    start, end = page.period
    return rpc.LeaderboardState(
        size=page.size,
        final=page.final,
        fresh_at=timestamp_message(page.fresh_at),
        period_start=None if end is None else timestamp_message(start),
        period_end=None if end is None else timestamp_message(end),
    )
