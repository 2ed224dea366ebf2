"""Both services in this process: real servers on free ports, real databases, and callers' stubs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

import grpc
import psycopg
from challenge.v1 import challenge_pb2, event_service_pb2
from challenge.v1 import challenge_service_pb2 as rpc
from challenge.v1.challenge_service_pb2_grpc import ChallengeServiceStub
from challenge.v1.event_service_pb2_grpc import EventServiceStub
from challenge.v1.leaderboard_service_pb2_grpc import LeaderboardServiceStub
from challenge.v1.statistics_service_pb2_grpc import StatisticsServiceStub

from challenge_service.__main__ import CONTRACT as CHALLENGE_CONTRACT
from challenge_service.__main__ import LEADERBOARD_CONTRACT, STATISTICS_CONTRACT
from event_handler.__main__ import CONTRACT as EVENT_CONTRACT
from shared.domain.acceptance import AcceptanceWindow
from shared.domain.catalogue import Catalogue
from shared.domain.instant import Instant, to_instant
from shared.domain.operator_acts import Acting
from shared.rpc.server import Server, ServiceBinding
from shared.runtime.clock import Clock
from shared.runtime.development_clock import DevelopmentClock
from shared.runtime.health import Health
from shared.runtime.ports import Endpoint
from shared.runtime.telemetry import Telemetry
from tests.support.servicers import (
    BUFFER_EVENTS_MAX,
    POOL_SIZE,
    WINDOW,
    Judging,
    Listed,
    challenge_servicers,
    event_servicer,
)

NOW: Instant = to_instant(datetime(2024, 2, 29, 12, tzinfo=UTC))
"""The current time in tests that do not change it."""

ACTING = Acting(NOW, "ada", "a test")
"""An operator who acts."""

THREADS = 32
STREAMS = 8


class ManualClock:
    """A clock that shows the time it is set to."""

    def __init__(self, now: Instant = NOW) -> None:
        self.now = now

    def __call__(self) -> Instant:
        return self.now


@dataclass(frozen=True)
class Game:
    """Both services on one database, from a game's perspective."""

    channel: grpc.Channel
    """To the challenge service."""
    event_channel: grpc.Channel
    """To the event handler."""
    clock: ManualClock
    database_url: str

    @cached_property
    def events(self) -> EventServiceStub:
        """The caller's stub of the event handler."""
        return EventServiceStub(self.event_channel)

    @cached_property
    def challenges(self) -> ChallengeServiceStub:
        """The caller's stub of the challenge service."""
        return ChallengeServiceStub(self.channel)

    @cached_property
    def statistics(self) -> StatisticsServiceStub:
        """The caller's stub of the statistics service."""
        return StatisticsServiceStub(self.channel)

    @cached_property
    def leaderboards(self) -> LeaderboardServiceStub:
        """The caller's stub of the leaderboard service."""
        return LeaderboardServiceStub(self.channel)

    def report(self, *events: event_service_pb2.Event) -> list[event_service_pb2.EventResult]:
        """Report events in one call, and return their results."""
        return list(self.events.ReportEvents(event_service_pb2.ReportEventsRequest(events=events)).results)

    def goals(self, user_id: str = "player") -> dict[str, challenge_pb2.Goal]:
        """Return all goals as the player sees them, by id."""
        response = self.challenges.ListChallenges(rpc.ListChallengesRequest(user_id=user_id))
        return {goal.goal_id: goal for challenge in response.challenges for goal in challenge.goals}

    def goal(self, goal_id: str, user_id: str = "player") -> challenge_pb2.Goal:
        """Return one goal as the player sees it."""
        return self.goals(user_id)[goal_id]

    def set_active(self, goal_id: str, active: bool, user_id: str = "player") -> challenge_pb2.Goal:
        """Activate or deactivate a goal, whatever challenge it is in."""
        challenge_id = self.goal(goal_id, user_id).challenge_id
        request = rpc.SetGoalActiveRequest(user_id=user_id, challenge_id=challenge_id, goal_id=goal_id, active=active)
        return self.challenges.SetGoalActive(request).goal

    def claim(self, goal_id: str, user_id: str = "player", request_id: str = "") -> challenge_pb2.Claim:
        """Claim a goal's reward, whatever challenge it is in."""
        challenge_id = self.goal(goal_id, user_id).challenge_id
        request = rpc.ClaimRewardRequest(
            user_id=user_id, challenge_id=challenge_id, goal_id=goal_id, request_id=request_id
        )
        return self.challenges.ClaimReward(request).claim

    def rows(self, query: str, *parameters: object) -> list[tuple[Any, ...]]:
        """Return the rows of a query on the database."""
        return rows(self.database_url, query, *parameters)


def rows(database_url: str, query: str, *parameters: object) -> list[tuple[Any, ...]]:
    """Return the rows of a query with `%s` placeholders."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        return connection.execute(query, parameters).fetchall()


@contextmanager
def game(
    database_url: str,
    catalogue: Catalogue,
    *,
    clock: ManualClock | None = None,
    window: AcceptanceWindow = WINDOW,
    development: DevelopmentClock | None = None,
) -> Iterator[Game]:
    """Run both services with one clock that the test can set."""
    clock = clock or ManualClock()
    with (
        challenge_channel(database_url, catalogue, clock=clock, development=development) as channel,
        event_channel(database_url, catalogue, clock=clock, window=window, development=development) as events,
    ):
        yield Game(channel, events, clock, database_url)


@contextmanager
def challenge_service(
    database_url: str, catalogue: Listed, *, clock: Clock, threads: int = THREADS, pool_size: int = POOL_SIZE
) -> Iterator[ChallengeServiceStub]:
    """Run a challenge service; yield a caller's stub."""
    with challenge_channel(database_url, catalogue, clock=clock, threads=threads, pool_size=pool_size) as channel:
        yield ChallengeServiceStub(channel)


@contextmanager
def challenge_channel(
    database_url: str,
    catalogue: Listed,
    *,
    clock: Clock,
    threads: int = THREADS,
    pool_size: int = POOL_SIZE,
    development: DevelopmentClock | None = None,
) -> Iterator[grpc.Channel]:
    """Run a challenge service with all its gRPC services; yield a caller's channel."""
    with (
        challenge_servicers(
            database_url, catalogue, clock=clock, pool_size=pool_size, development=development
        ) as servicers,
        serving(
            [
                ServiceBinding(CHALLENGE_CONTRACT, servicers.challenges),
                ServiceBinding(STATISTICS_CONTRACT, servicers.statistics),
                ServiceBinding(LEADERBOARD_CONTRACT, servicers.leaderboards),
            ],
            threads,
            development,
        ) as channel,
    ):
        yield channel


@contextmanager
def event_service(
    database_url: str,
    catalogue: Judging,
    *,
    clock: Clock,
    window: AcceptanceWindow = WINDOW,
    buffer_events_max: int = BUFFER_EVENTS_MAX,
    threads: int = THREADS,
) -> Iterator[EventServiceStub]:
    """Run an event handler; yield a caller's stub."""
    with event_channel(
        database_url, catalogue, clock=clock, window=window, buffer_events_max=buffer_events_max, threads=threads
    ) as channel:
        yield EventServiceStub(channel)


@contextmanager
def event_channel(
    database_url: str,
    catalogue: Judging,
    *,
    clock: Clock,
    window: AcceptanceWindow = WINDOW,
    buffer_events_max: int = BUFFER_EVENTS_MAX,
    threads: int = THREADS,
    development: DevelopmentClock | None = None,
) -> Iterator[grpc.Channel]:
    """Run an event handler; yield a caller's channel."""
    with (
        event_servicer(
            database_url,
            catalogue,
            clock=clock,
            window=window,
            buffer_events_max=buffer_events_max,
            development=development,
        ) as servicer,
        serving([ServiceBinding(EVENT_CONTRACT, servicer)], threads, development) as channel,
    ):
        try:
            yield channel
        finally:
            servicer.streams.stop()


@contextmanager
def serving(
    bindings: Sequence[ServiceBinding], threads: int, development: DevelopmentClock | None = None
) -> Iterator[grpc.Channel]:
    endpoint = Endpoint("127.0.0.1", 0, setting="PORT")
    health = Health([servicing.descriptor.full_name for servicing in bindings])
    server = Server(
        endpoint,
        bindings,
        threads=threads,
        streams=STREAMS,
        health=health,
        telemetry=Telemetry(),
        development=development,
    )
    port = server.start()
    try:
        with grpc.insecure_channel(f"127.0.0.1:{port}", options=CHANNEL_OPTIONS) as channel:
            yield channel
    finally:
        server.stop(0)


CHANNEL_OPTIONS: Sequence[tuple[str, Any]] = (
    # A separate connection, like that of a caller in another process.
    ("grpc.use_local_subchannel_pool", 1),
    # Reconnect soon after a server was down. (The minimum backoff also bounds the time to connect: on a busy machine it
    # must not be short.)
    ("grpc.initial_reconnect_backoff_ms", 50),
    ("grpc.max_reconnect_backoff_ms", 200),
)
