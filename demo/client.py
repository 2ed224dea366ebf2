"""The calls of one player, each sent once and timed."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

import grpc
from challenge.v1 import challenge_service_pb2 as rpc
from challenge.v1.challenge_service_pb2_grpc import ChallengeServiceStub
from challenge.v1.event_service_pb2_grpc import EventServiceStub
from challenge.v1.leaderboard_service_pb2_grpc import LeaderboardServiceStub
from challenge.v1.statistics_service_pb2_grpc import StatisticsServiceStub
from google.rpc.error_details_pb2 import ErrorInfo  # type: ignore[import-untyped]
from grpc_status import rpc_status

from demo.errors import Unexpected
from demo.view import View

CALL_TIMEOUT_S = 5.0

Q = TypeVar("Q")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Refusal:
    """The error a call ended with."""

    code: str
    reason: str
    """The stable reason of the contract; empty if the error did not come from the service."""
    message: str

    @classmethod
    def of(cls, error: grpc.RpcError) -> Refusal:
        """Return the code, reason and message of an error."""
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
    """The outcome of a call, and how long it took."""

    method: str
    seconds: float
    outcome: R | Refusal

    def accepted(self) -> R:
        """Return the response. Raise Unexpected if the call ended with an error."""
        if isinstance(self.outcome, Refusal):
            raise Unexpected(f"{self.method} ended with {self.outcome}")
        return self.outcome


class Client:
    """One player's calls. `replies` keeps their outcomes in order."""

    def __init__(self, challenge: grpc.Channel, event: grpc.Channel, player: str, now: datetime) -> None:
        """Use `now` as the time of all of today's events, so that a demo across midnight still covers two days."""
        self.player = player
        self.now = now
        self.challenges = ChallengeServiceStub(challenge)
        self.statistics = StatisticsServiceStub(challenge)
        self.leaderboards = LeaderboardServiceStub(challenge)
        self.events = EventServiceStub(event)
        self.replies: list[Reply[Any]] = []

    def call(self, send: grpc.UnaryUnaryMultiCallable[Q, R], request: Q) -> Reply[R]:
        """Call a method of one of the stubs."""
        outcome: R | Refusal
        started = time.perf_counter()
        try:
            outcome = send(request, timeout=CALL_TIMEOUT_S)
        except grpc.RpcError as error:
            outcome = Refusal.of(error)
        reply = Reply(type(request).__name__.removesuffix("Request"), time.perf_counter() - started, outcome)
        self.replies.append(reply)
        return reply

    def look(self) -> View:
        """List all challenges. Raise Unexpected if the call ends with an error."""
        request = rpc.ListChallengesRequest(user_id=self.player)
        return View(self.call(self.challenges.ListChallenges, request).accepted())
