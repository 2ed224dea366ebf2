"""StatisticsService: the statistics of players and of challenges."""

from __future__ import annotations

from collections.abc import Iterable

import grpc
from challenge.v1 import statistics_service_pb2 as rpc

from shared.domain.errors import ChallengeNotFound
from shared.domain.goal import Source, Stat, is_aspect, written_code
from shared.domain.instant import DAY, Day, Instant, day_of
from shared.domain.progress import TallyView
from shared.domain.standings import EVERYTHING, Scope, ScopeKind, Standing
from shared.domain.statistics import TREND_DAYS_DEFAULT, TREND_DAYS_MAX, PlayerStatistics, TrendDay
from shared.operations.catalogue.live_catalogue import LiveCatalogue
from shared.operations.statistics.challenge_reports import read_challenge_reports
from shared.operations.statistics.player_statistics import player_trend, read_player_statistics
from shared.postgres.database import Database
from shared.postgres.stale_reads import StaleReads
from shared.postgres.statistics.challenge_reports import ChallengeReport
from shared.rpc.deadlines import deadline_of
from shared.rpc.encoded_catalogue import EncodedCatalogue
from shared.rpc.goal_encoding import SOURCES
from shared.rpc.instants import duration_message, is_representable, timestamp_message
from shared.rpc.response_sizes import RESPONSE_BYTES_MAX
from shared.rpc.validation import Violations
from shared.runtime.clock import Clock

SOURCES_OF_EVENTS = frozenset({Source.LOGIN, Source.STAT, Source.DERIVED})
"""Sources whose tallies are statistics of a player. Completions and points have standings."""


class StatisticsServicer:
    """The servicer. Every call reads Postgres once."""

    def __init__(
        self,
        database: Database,
        catalogue: LiveCatalogue[EncodedCatalogue],
        clock: Clock,
        stale_reads: StaleReads | None = None,
    ) -> None:
        self._database = database
        self._stale_reads = stale_reads or StaleReads(database)
        self._catalogue = catalogue
        self._clock = clock

    def GetPlayerStats(
        self, request: rpc.GetPlayerStatsRequest, context: grpc.ServicerContext
    ) -> rpc.GetPlayerStatsResponse:
        """Return a player's statistics."""
        violations = Violations()
        violations.check_id("user_id", request.user_id)
        violations.raise_if_any()
        catalogue = self._catalogue.current.catalogue
        now, deadline = self._clock(), deadline_of(context)
        statistics = read_player_statistics(self._database, catalogue, request.user_id, now, deadline)
        return rpc.GetPlayerStatsResponse(stats=stats_message(statistics), fresh_at=timestamp_message(now))

    def GetPlayerTrend(
        self, request: rpc.GetPlayerTrendRequest, context: grpc.ServicerContext
    ) -> rpc.GetPlayerTrendResponse:
        """Return a player's achievements by day."""
        violations = Violations()
        violations.check_id("user_id", request.user_id)
        first, last = _days(request, violations, self._clock())
        violations.raise_if_any()
        days = player_trend(self._database, request.user_id, first, last, deadline_of(context))
        return rpc.GetPlayerTrendResponse(days=map(trend_message, days))

    def GetChallengeReport(
        self, request: rpc.GetChallengeReportRequest, context: grpc.ServicerContext
    ) -> rpc.GetChallengeReportResponse:
        """Return the statistics of challenges across all players."""
        violations = Violations()
        violations.check_optional_id("challenge_id", request.challenge_id)
        violations.raise_if_any()
        challenges = self._catalogue.current.catalogue.challenge_by_id
        if request.challenge_id and request.challenge_id not in challenges:
            raise ChallengeNotFound("there is no such challenge", challenge_id=request.challenge_id)
        challenge_ids = [request.challenge_id] if request.challenge_id else list(challenges)
        reports = read_challenge_reports(self._stale_reads, challenge_ids, deadline_of(context))
        return rpc.GetChallengeReportResponse(reports=map(report_message, reports))


def _days(request: rpc.GetPlayerTrendRequest, violations: Violations, now: Instant) -> tuple[Day, Day]:
    """Return the first and the last requested day."""
    to = violations.check_instant("to_time", request.to_time) if request.HasField("to_time") else now
    begin = violations.check_instant("from_time", request.from_time) if request.HasField("from_time") else None
    violations.raise_if_any()
    last = now if to is None else to
    first = last - (TREND_DAYS_DEFAULT - 1) * DAY if begin is None else begin
    days = range(day_of(first), day_of(last) + 1)
    if not days:
        violations.add("from_time", "is after to_time")
    elif len(days) > TREND_DAYS_MAX:
        violations.add("from_time", f"is more than {TREND_DAYS_MAX - 1} days before to_time")
    elif not is_representable(days.start * DAY):
        violations.add("to_time", "is too early for a trend without from_time")
    return days.start, days.stop - 1


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
        tallies=[_tally(stat, statistics.tallies[stat]) for stat in _of_events(statistics.tallies)],
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


def _of_events(stats: Iterable[Stat]) -> list[Stat]:
    """Return the stats that events and catalogues name: logins first, then the others by code."""
    named = [stat for stat in stats if stat.source in SOURCES_OF_EVENTS and not is_aspect(stat)]
    return sorted(named, key=lambda stat: (stat.source is not Source.LOGIN, stat.code))


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
        stat_code=written_code(stat),
        sum=measures.sum,
        events=measures.events,
        latest=tally.latest,
        highest=measures.highest,
        days=measures.day_count,
    )
