"""The servicers of both services without a server, on real databases."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple, TypeAlias, TypeVar

from challenge_service.leaderboard_servicer import LeaderboardServicer
from challenge_service.servicer import ChallengeServicer
from challenge_service.statistics_servicer import StatisticsServicer
from event_handler.event_flusher import EventFlusher
from event_handler.group_commit import GroupCommit
from event_handler.servicer import EventServicer
from event_handler.telemetry import EventTelemetry
from shared.domain.acceptance import AcceptanceWindow
from shared.domain.catalogue import Catalogue
from shared.domain.clock_comparison import Now
from shared.domain.instant import Instant
from shared.operations.catalogue.live_catalogue import LiveCatalogue
from shared.operations.catalogue.pool_record import with_pools
from shared.operations.leaderboards.read_leaderboards import Leaderboards
from shared.postgres.database import Database
from shared.rpc.encoded_catalogue import EncodedCatalogue
from shared.runtime.clock import Clock
from shared.runtime.development_clock import DevelopmentClock
from shared.runtime.telemetry import Telemetry
from shared.wiring.development_clock import present, present_by_both
from tests.support.databases import soon

WINDOW = AcceptanceWindow()
BUFFER_EVENTS_MAX = 10_000
POOL_SIZE = 4
KEPT_LISTS_BYTES = 1024 * 1024
"""Lists are kept in all tests, so that all find a list that is out of date."""
CLOSE_S = 10.0
"""Seconds allowed for a writer's last batch."""

T = TypeVar("T")

Listed: TypeAlias = Catalogue | LiveCatalogue[EncodedCatalogue]
Judging: TypeAlias = Catalogue | LiveCatalogue[Catalogue]

_SINCE: Instant = 0
KEPT: int | None = 1
"""Connections of a pool that are opened at once, None for all: a test that calls one by one needs no more than one."""


class ChallengeServicers(NamedTuple):
    """The servicers of one challenge service."""

    challenges: ChallengeServicer
    statistics: StatisticsServicer
    leaderboards: LeaderboardServicer


@contextmanager
def challenge_servicers(
    database_url: str,
    catalogue: Listed,
    *,
    clock: Clock,
    pool_size: int = POOL_SIZE,
    development: DevelopmentClock | None = None,
) -> Iterator[ChallengeServicers]:
    """Yield the servicers of the challenge service, without Redis. As in the service, they share the connections."""
    with _database(database_url, pool_size) as database:
        in_use = live(drawing(database, catalogue, clock()), EncodedCatalogue)
        now = present(clock, development)
        yield ChallengeServicers(
            ChallengeServicer(database, in_use, now, queue_clock=clock, kept_lists_bytes=KEPT_LISTS_BYTES),
            StatisticsServicer(database, in_use, now),
            LeaderboardServicer(Leaderboards(database), in_use, now),
        )


@contextmanager
def event_servicer(
    database_url: str,
    catalogue: Judging,
    *,
    clock: Clock,
    window: AcceptanceWindow = WINDOW,
    buffer_events_max: int = BUFFER_EVENTS_MAX,
    development: DevelopmentClock | None = None,
) -> Iterator[EventServicer]:
    """Yield the servicer of the event handler, with its writer."""
    with _database(database_url, POOL_SIZE) as database:
        telemetry = EventTelemetry(Telemetry())
        flusher = EventFlusher(
            database, telemetry, None, queue_clock=clock, events_carry_present=development is not None
        )
        group_commit = GroupCommit(flusher.flush, buffer_events_max=buffer_events_max)
        group_commit.start()
        try:
            judging = live(drawing(database, catalogue, clock()), lambda definitions: definitions)
            now = present_by_both(lambda: Now.at(clock()), development)
            yield EventServicer(group_commit, judging, lambda: window, now, telemetry)
        finally:
            group_commit.close(CLOSE_S)


def drawing(database: Database, catalogue: Catalogue | LiveCatalogue[T], now: Instant) -> Catalogue | LiveCatalogue[T]:
    """Return a catalogue whose pools, if it has any, draw by the secret of the database."""
    return with_pools(database, catalogue, now, soon()) if isinstance(catalogue, Catalogue) else catalogue


def live(catalogue: Catalogue | LiveCatalogue[T], prepare: Callable[[Catalogue], T]) -> LiveCatalogue[T]:
    """Return a live catalogue. One that is already live stays the test's own, to be changed while services run."""
    if isinstance(catalogue, LiveCatalogue):
        return catalogue
    in_use = LiveCatalogue(prepare)
    in_use.take(catalogue, _SINCE)
    return in_use


@contextmanager
def _database(url: str, pool_size: int) -> Iterator[Database]:
    database = Database(url, pool_size=pool_size, application_name="test", kept=KEPT)
    database.open()
    try:
        yield database
    finally:
        database.close()
