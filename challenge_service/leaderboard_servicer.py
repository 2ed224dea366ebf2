"""LeaderboardService: the leaderboards and the places of players on them."""

from __future__ import annotations

import grpc
from challenge.v1 import leaderboard_service_pb2 as rpc

from challenge_service.paging import period_position, period_token
from shared.domain.catalogue import Catalogue
from shared.domain.errors import LeaderboardNotFound
from shared.domain.goal import written_code
from shared.domain.instant import Instant
from shared.domain.leaderboard import PLAYERS_MAX, Leaderboard, LeaderboardMeasure, Ranked, is_in_top, percentile
from shared.domain.schedules import DAILY, LIFETIME, MONTHLY, WEEKLY
from shared.domain.standings import Scope, ScopeKind
from shared.operations.catalogue.live_catalogue import LiveCatalogue
from shared.operations.leaderboards.read_leaderboards import LeaderboardPage, Leaderboards
from shared.rpc.deadlines import deadline_of
from shared.rpc.encoded_catalogue import EncodedCatalogue
from shared.rpc.instants import timestamp_message
from shared.rpc.validation import Violations
from shared.runtime.clock import Clock

PAGE_SIZE = 100
"""Default number of players in a page."""

NEIGHBOURS_MAX = 50
"""Maximum number of neighbours in each direction."""


class LeaderboardServicer:
    """The servicer. All calls are read-only."""

    def __init__(self, leaderboards: Leaderboards, catalogue: LiveCatalogue[EncodedCatalogue], clock: Clock) -> None:
        self._leaderboards = leaderboards
        self._catalogue = catalogue
        self._clock = clock

    def ListLeaderboards(
        self, _request: rpc.ListLeaderboardsRequest, _context: grpc.ServicerContext
    ) -> rpc.ListLeaderboardsResponse:
        """List the leaderboards of the catalogue."""
        catalogue = self._catalogue.current.catalogue
        return rpc.ListLeaderboardsResponse(
            leaderboards=map(leaderboard_message, catalogue.leaderboards), catalogue_version=catalogue.version
        )

    def ListLeaderboard(
        self, request: rpc.ListLeaderboardRequest, context: grpc.ServicerContext
    ) -> rpc.ListLeaderboardResponse:
        """List the top players, page by page, or given players."""
        violations = Violations()
        now = self._clock()
        instant = _check_leaderboard(request, violations, now)
        violations.check_ids("user_ids", request.user_ids[:PLAYERS_MAX])
        violations.check_range("user_ids", len(request.user_ids), 0, PLAYERS_MAX)
        violations.check_range("page_size", request.page_size, 0, PLAYERS_MAX)
        if request.user_ids and request.page_size:
            violations.add("page_size", "must be empty if user_ids is set")
        if request.user_ids and request.page_token:
            violations.add("page_token", "must be empty if user_ids is set")
        violations.raise_if_any()
        board = _board(self._catalogue.current.catalogue, request.leaderboard_id)
        deadline = deadline_of(context)
        if request.user_ids:
            user_ids = sorted(set(request.user_ids))
            page = self._leaderboards.of_players(board, instant, user_ids, now, deadline)
            return rpc.ListLeaderboardResponse(entries=map(entry_message, page.ranked), state=state_message(page))
        binding = (board.id, str(request.period_time.ToNanoseconds()) if request.HasField("period_time") else "")
        start, period_start = period_position(request.page_token, *binding)
        # All pages are of the period of the first one, even if another period has begun since.
        instant = instant if period_start is None else period_start
        page_size = request.page_size or PAGE_SIZE
        page = self._leaderboards.top(board, instant, start + 1, page_size, now, deadline)
        end = start + page_size
        return rpc.ListLeaderboardResponse(
            entries=map(entry_message, page.ranked),
            state=state_message(page),
            next_page_token=period_token(end, page.period.start, *binding) if end < page.size else "",
        )

    def GetPlayerRank(
        self, request: rpc.GetPlayerRankRequest, context: grpc.ServicerContext
    ) -> rpc.GetPlayerRankResponse:
        """Return a player's entry (rank, place, score) with percentile and neighbours.

        Only the state if the player is not on the board.
        """
        violations = Violations()
        now = self._clock()
        violations.check_id("user_id", request.user_id)
        instant = _check_leaderboard(request, violations, now)
        violations.check_range("neighbours", request.neighbours, 0, NEIGHBOURS_MAX)
        violations.check_range("top_percent", request.top_percent, 0, 100)
        violations.raise_if_any()
        board = _board(self._catalogue.current.catalogue, request.leaderboard_id)
        page = self._leaderboards.around(board, instant, request.user_id, request.neighbours, now, deadline_of(context))
        state = state_message(page)
        player = next((ranked for ranked in page.ranked if ranked.user_id == request.user_id), None)
        if player is None:
            return rpc.GetPlayerRankResponse(state=state)
        return rpc.GetPlayerRankResponse(
            on_board=True,
            entry=entry_message(player),
            percentile=percentile(player.rank, page.size),
            in_top_percent=is_in_top(player.rank, page.size, request.top_percent),
            neighbours=map(entry_message, page.ranked) if request.neighbours else (),
            state=state,
        )


def _check_leaderboard(
    request: rpc.ListLeaderboardRequest | rpc.GetPlayerRankRequest, violations: Violations, now: Instant
) -> Instant:
    """Check the leaderboard and the period, and return an instant in that period."""
    violations.check_id("leaderboard_id", request.leaderboard_id)
    if not request.HasField("period_time"):
        return now
    instant = violations.check_instant("period_time", request.period_time)
    return now if instant is None else instant


def _board(catalogue: Catalogue, leaderboard_id: str) -> Leaderboard:
    board = catalogue.leaderboard_by_id.get(leaderboard_id)
    if board is None:
        raise LeaderboardNotFound("there is no such leaderboard", leaderboard_id=leaderboard_id)
    return board


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
        message.stat_code = written_code(board.ranked)
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
