"""What a game backend does for one player: calls by the generated stubs, each sent once and timed."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Generic, TypeVar

import grpc
from challenge.v1 import challenge_service_pb2 as challenge_rpc
from challenge.v1 import event_service_pb2 as event_rpc
from challenge.v1 import leaderboard_service_pb2 as leaderboard_rpc
from challenge.v1 import statistics_service_pb2 as statistics_rpc
from challenge.v1.challenge_service_pb2_grpc import ChallengeServiceStub
from challenge.v1.event_service_pb2_grpc import EventServiceStub
from challenge.v1.leaderboard_service_pb2_grpc import LeaderboardServiceStub
from challenge.v1.statistics_service_pb2_grpc import StatisticsServiceStub
from google.rpc.error_details_pb2 import ErrorInfo  # type: ignore[import-untyped]
from grpc_status import rpc_status

from demo.errors import Unexpected
from demo.steps import Happening

CALL_TIMEOUT_S = 5.0

Q = TypeVar("Q")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Refusal:
    """The error that a call ended in."""

    code: str
    reason: str
    """The stable reason of the contract; empty if the error did not come from the service."""
    message: str

    @classmethod
    def of(cls, error: grpc.RpcError) -> Refusal:
        """What the client of a call is told."""
        reason = ""
        status = rpc_status.from_call(error)  # type: ignore[arg-type]  # an RpcError of a client is a Call too
        for packed in status.details if status is not None else ():
            if packed.Is(ErrorInfo.DESCRIPTOR):
                reason = ErrorInfo.FromString(packed.value).reason
        return cls(error.code().name, reason, error.details() or "")

    def __str__(self) -> str:
        return f"{' '.join(filter(None, (self.code, self.reason)))}: {self.message}"


@dataclass(frozen=True, slots=True)
class Reply(Generic[R]):
    """What came back of a call, and when."""

    method: str
    seconds: float
    """From sending the request until the answer was there."""
    answer: R | Refusal

    def accepted(self) -> R:
        """The response. Raises Unexpected if the call ended in an error."""
        if isinstance(self.answer, Refusal):
            raise Unexpected(f"{self.method} answered {self.answer}")
        return self.answer


class Client:
    """One player's calls. `replies` keeps what came back, in order."""

    def __init__(self, challenge: grpc.Channel, event: grpc.Channel, player: str, now: datetime) -> None:
        """`now` becomes the time of all of today's events: a demo that runs across midnight still tells of two days."""
        self.player = player
        self.replies: list[Reply[Any]] = []
        self._challenge = ChallengeServiceStub(challenge)
        self._statistics = StatisticsServiceStub(challenge)
        self._leaderboards = LeaderboardServiceStub(challenge)
        self._event = EventServiceStub(event)
        self._now = now

    def initialize(self) -> Reply[challenge_rpc.InitializePlayerResponse]:
        """Make sure that the player exists."""
        request = challenge_rpc.InitializePlayerRequest(user_id=self.player)
        return self._call("InitializePlayer", self._challenge.InitializePlayer, request)

    def list_challenges(self, *, active_only: bool = False) -> Reply[challenge_rpc.ListChallengesResponse]:
        """List all challenges, or what is active of them."""
        request = challenge_rpc.ListChallengesRequest(user_id=self.player, active_only=active_only)
        return self._call("ListChallenges", self._challenge.ListChallenges, request)

    def activate(self, challenge_id: str, goal_id: str) -> Reply[challenge_rpc.SetGoalActiveResponse]:
        """Activate a goal."""
        request = challenge_rpc.SetGoalActiveRequest(
            user_id=self.player, challenge_id=challenge_id, goal_id=goal_id, active=True
        )
        return self._call("SetGoalActive", self._challenge.SetGoalActive, request)

    def claim(
        self, challenge_id: str, goal_id: str, request_id: str, *, wait_s: float = 0.0
    ) -> Reply[challenge_rpc.ClaimRewardResponse]:
        """Claim a goal's reward; an empty `request_id` is none. Waits so long, at most, until the player has it."""
        request = challenge_rpc.ClaimRewardRequest(
            user_id=self.player, challenge_id=challenge_id, goal_id=goal_id, request_id=request_id
        )
        if wait_s:
            request.wait.FromTimedelta(timedelta(seconds=wait_s))
        return self._call("ClaimReward", self._challenge.ClaimReward, request)

    def report_one(self, happening: Happening) -> Reply[event_rpc.ReportEventResponse]:
        """Report one event."""
        request = event_rpc.ReportEventRequest(event=self._event_of(happening))
        return self._call("ReportEvent", self._event.ReportEvent, request)

    def report_all(self, happenings: Sequence[Happening]) -> Reply[event_rpc.ReportEventsResponse]:
        """Report several events in one call."""
        request = event_rpc.ReportEventsRequest(events=map(self._event_of, happenings))
        return self._call("ReportEvents", self._event.ReportEvents, request)

    def read_statistics(self) -> Reply[statistics_rpc.GetPlayerStatsResponse]:
        """Read what the player has reached."""
        request = statistics_rpc.GetPlayerStatsRequest(user_id=self.player)
        return self._call("GetPlayerStats", self._statistics.GetPlayerStats, request)

    def read_rank(self, leaderboard_id: str) -> Reply[leaderboard_rpc.GetPlayerRankResponse]:
        """Read where the player stands."""
        request = leaderboard_rpc.GetPlayerRankRequest(leaderboard_id=leaderboard_id, user_id=self.player)
        return self._call("GetPlayerRank", self._leaderboards.GetPlayerRank, request)

    def _event_of(self, happening: Happening) -> event_rpc.Event:
        event = event_rpc.Event(event_id=happening.name, user_id=self.player)
        event.event_time.FromDatetime(self._now - timedelta(days=happening.days_ago))
        if happening.stat is None:
            event.logged_in.SetInParent()
        else:
            event.stat_updated.MergeFrom(
                event_rpc.StatUpdated(stat_code=happening.stat, delta=happening.delta, value=happening.value)
            )
        return event

    def _call(self, method: str, send: grpc.UnaryUnaryMultiCallable[Q, R], request: Q) -> Reply[R]:
        answer: R | Refusal
        started = time.perf_counter()
        try:
            answer = send(request, timeout=CALL_TIMEOUT_S)
        except grpc.RpcError as error:
            answer = Refusal.of(error)
        reply = Reply(method, time.perf_counter() - started, answer)
        self.replies.append(reply)
        return reply
