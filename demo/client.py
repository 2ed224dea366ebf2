"""Calls to services that report SERVING, each sent once and timed."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

import grpc
from challenge.v1.challenge_service_pb2 import ListChallengesRequest
from challenge.v1.challenge_service_pb2_grpc import ChallengeServiceStub
from challenge.v1.event_service_pb2 import ReportEventsRequest
from challenge.v1.event_service_pb2_grpc import EventServiceStub
from challenge.v1.leaderboard_service_pb2_grpc import LeaderboardServiceStub
from challenge.v1.statistics_service_pb2_grpc import StatisticsServiceStub
from google.rpc.error_details_pb2 import ErrorInfo  # type: ignore[import-untyped]
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from grpc_status import rpc_status

from shared.rpc.carried_time import KEY

CALL_TIMEOUT_S = 5.0
OPTIONS = (
    # The demo shows the outcome of each single call.
    ("grpc.enable_retries", 0),
    # A proxy in the environment is for remote hosts; to a proxy, 127.0.0.1 is itself.
    ("grpc.enable_http_proxy", 0),
)

Q = TypeVar("Q")
R = TypeVar("R")


class DemoFailed(Exception):
    """The demo cannot be played, or a service did not do what the script says; the message is for people."""


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
        """Return the response. Raise DemoFailed if the call ended with an error."""
        if isinstance(self.outcome, Refusal):
            raise DemoFailed(f"{self.method} ended with {self.outcome}")
        return self.outcome


class Client:
    """One player's calls. `replies` keeps their outcomes in order."""

    def __init__(self, challenge: grpc.Channel, event: grpc.Channel, player: str, now: datetime) -> None:
        """Use `now` as the time of all of today's events, so that a demo across midnight still covers two days."""
        self.player = player
        self.now = now
        """The present of the story."""
        self.sets_time = False
        """True if calls carry the present of the story; otherwise services have their own."""
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
            outcome = send(request, timeout=CALL_TIMEOUT_S, metadata=self._metadata if self.sets_time else None)
        except grpc.RpcError as error:
            outcome = Refusal.of(error)
        reply = Reply(type(request).__name__.removesuffix("Request"), time.perf_counter() - started, outcome)
        self.replies.append(reply)
        return reply

    def set_time_if_allowed(self) -> bool:
        """Let calls carry the present of the story from now on, if both services understand it; return whether they do.

        Those that do not refuse the key before they look at the request.
        """
        calls: list[tuple[grpc.UnaryUnaryMultiCallable[Any, Any], Any]] = [
            (self.challenges.ListChallenges, ListChallengesRequest()),
            (self.events.ReportEvents, ReportEventsRequest()),
        ]
        self.sets_time = not any(self._refuses_time(send, request) for send, request in calls)
        return self.sets_time

    def _refuses_time(self, send: grpc.UnaryUnaryMultiCallable[Q, R], request: Q) -> bool:
        try:
            send(request, timeout=CALL_TIMEOUT_S, metadata=self._metadata)
        except grpc.RpcError as error:
            return KEY in (error.details() or "")
        return False

    @property
    def _metadata(self) -> tuple[tuple[str, str], ...]:
        return ((KEY, self.now.isoformat()),)


@contextmanager
def connected(target: str, service: str, setting: str) -> Iterator[grpc.Channel]:
    """Yield a channel to a target where `service` is serving; `setting` is the variable that names the target.

    Raise DemoFailed if it is not.
    """
    with grpc.insecure_channel(target, options=OPTIONS) as channel:
        check: grpc.UnaryUnaryMultiCallable[HealthCheckRequest, HealthCheckResponse] = channel.unary_unary(
            "/grpc.health.v1.Health/Check", HealthCheckRequest.SerializeToString, HealthCheckResponse.FromString
        )
        try:
            response = check(HealthCheckRequest(service=service), timeout=CALL_TIMEOUT_S)
        except grpc.RpcError as error:
            if error.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED):
                message = f"nothing responds at {target}: start the services with `make run`, or set {setting}"
            else:
                message = f"the server at {target} does not serve {service}: set {setting}"
            raise DemoFailed(message) from error
        if response.status != HealthCheckResponse.SERVING:
            raise DemoFailed(f"{service} at {target} is not serving; its log says why")
        yield channel
