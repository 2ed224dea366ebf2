"""Statistics as messages."""

from __future__ import annotations

from challenge.v1 import statistics_service_pb2 as rpc

from shared.domain.goal import Stat
from shared.domain.instant import DAY
from shared.domain.progress import TallyView
from shared.domain.scopes import EVERYTHING, Scope, ScopeKind
from shared.domain.standings import Standing
from shared.domain.statistics import PlayerStatistics, TrendDay
from shared.postgres.statistics.challenge_reports import ChallengeReport
from shared.rpc.goal_encoding import SOURCES
from shared.rpc.instants import duration_message, timestamp_message
from shared.rpc.response_sizes import RESPONSE_BYTES_MAX

_NOTHING = Standing()


def stats_message(statistics: PlayerStatistics) -> rpc.PlayerStats:
    """Return a player's statistics as a message of at most `RESPONSE_BYTES_MAX`."""
    logins = statistics.logins
    stats = rpc.PlayerStats(
        total=_achievement(statistics.standings.get(EVERYTHING, _NOTHING)),
        challenges=[
            rpc.ChallengeStats(challenge_id=scope.id, achievement=_achievement(standing))
            for scope, standing in _of_kind(statistics, ScopeKind.CHALLENGE)
        ],
        tags=[
            rpc.TagStats(tag=scope.id, achievement=_achievement(standing))
            for scope, standing in _of_kind(statistics, ScopeKind.TAG)
        ],
        tallies=[_tally(stat, tally) for stat, tally in sorted(statistics.tallies.items())],
        current_login_streak=logins.current_streak,
        longest_login_streak=logins.longest_streak,
        weekly_active_days=logins.weekly_active_days,
        completed_recently=statistics.completed_recently,
        goals_under_way=statistics.under_way,
        completion_rate=statistics.completion_rate,
    )
    _shorten(stats)
    return stats


def _shorten(stats: rpc.PlayerStats) -> None:
    """Leave out the last tallies, then tags, then challenges, until the message is small enough."""
    excess = stats.ByteSize() - RESPONSE_BYTES_MAX
    for entries in (stats.tallies, stats.tags, stats.challenges):
        while excess > 0 and entries:
            excess -= entries.pop().ByteSize()
            stats.shortened = True


def trend_message(reached: TrendDay) -> rpc.TrendDay:
    """Return the achievements of one day as a message."""
    return rpc.TrendDay(
        start_time=timestamp_message(reached.day * DAY),
        completed=reached.completed,
        claimed=reached.claimed,
        points=reached.points,
    )


def report_message(report: ChallengeReport) -> rpc.ChallengeReport:
    """Return the statistics of a challenge as a message."""
    return rpc.ChallengeReport(
        challenge_id=report.challenge_id,
        started=report.started,
        completed=report.completed,
        claimed=report.claimed,
        report_time=None if report.report_time is None else timestamp_message(report.report_time),
    )


def _of_kind(statistics: PlayerStatistics, kind: ScopeKind) -> list[tuple[Scope, Standing]]:
    # Sorted by scope only: standings have no order, and scopes are unique.
    return sorted(
        ((scope, standing) for scope, standing in statistics.standings.items() if scope.kind is kind),
        key=lambda item: item[0],
    )


def _achievement(standing: Standing) -> rpc.Achievement:
    return rpc.Achievement(
        completed=standing.completed,
        claimed=standing.claimed,
        points=standing.points,
        fastest_completion=None if standing.fastest is None else duration_message(standing.fastest),
    )


def _tally(stat: Stat, tally: TallyView) -> rpc.LifetimeTally:
    measures = tally.measures
    return rpc.LifetimeTally(
        source=SOURCES[stat.source],
        stat_code=stat.code,
        sum=measures.sum,
        events=measures.events,
        latest=tally.latest,
        highest=measures.highest,
        days=measures.day_count,
    )
