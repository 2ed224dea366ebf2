"""The challenge service: `python -m challenge_service`."""

from __future__ import annotations

import gc
import logging
import os
import sys
from collections.abc import Callable
from functools import partial

from shared.catalogue import separate_loader

if __name__ == "__main__":
    # Objects that imports make stay. The collector would look through them again and again, for a tenth of the CPU.
    gc.disable()
    if sys.argv[1:] in ([], ["--worker"]):
        # Another core reads the catalogue while this one imports. With other arguments nothing may be served.
        separate_loader.prepare()

from challenge.v1 import challenge_service_pb2, leaderboard_service_pb2, statistics_service_pb2

from challenge_service.leaderboard_servicer import LeaderboardServicer
from challenge_service.servicer import ChallengeServicer
from challenge_service.settings import ChallengeSettings
from challenge_service.statistics_servicer import StatisticsServicer
from shared.domain.achieved import Achieved
from shared.domain.catalogue import Catalogue
from shared.domain.instant import DAY
from shared.operations.goals.achievement_telemetry import AchievementTelemetry
from shared.operations.leaderboards.known_boards import KnownBoards
from shared.operations.leaderboards.read_leaderboards import Leaderboards
from shared.providers.opening import named_routes, routes_of
from shared.rpc.encoded_catalogue import EncodedCatalogue
from shared.rpc.limits import limits_of
from shared.rpc.response_sizes import size_warnings
from shared.rpc.server import Server, ServiceBinding, serve
from shared.rpc.tls import server_credentials
from shared.runtime.clocks import Clocks
from shared.runtime.health import Health
from shared.runtime.service import Process, Service, run_service
from shared.wiring.backing_services import open_cache, open_catalogue, open_database, open_standby, watch_catalogue
from shared.wiring.callers import open_callers
from shared.wiring.development_clock import open_development_clock, present
from shared.wiring.leaderboard_duties import open_leaderboard_cache, start_ranking_duties, start_ranking_refresh
from shared.wiring.range_duties import start_challenge_counting
from shared.wiring.reward_delivery import start_delivery
from shared.wiring.transport_security import open_port_tls

log = logging.getLogger(__name__)

NAME = "challenge_service"
CONTRACT = challenge_service_pb2.DESCRIPTOR.services_by_name["ChallengeService"]
STATISTICS_CONTRACT = statistics_service_pb2.DESCRIPTOR.services_by_name["StatisticsService"]
LEADERBOARD_CONTRACT = leaderboard_service_pb2.DESCRIPTOR.services_by_name["LeaderboardService"]


def encode(catalogue: Catalogue) -> EncodedCatalogue:
    """Encode a catalogue that is taken into use. Log which of its responses may be too large for clients."""
    for warning in size_warnings(catalogue):
        log.warning("catalogue warning", extra={"problem": warning})
    return EncodedCatalogue(catalogue)


def _delivered_elsewhere() -> None:
    """Do nothing: a dispatcher in another process finds the grant."""


def compose(settings: ChallengeSettings, process: Process) -> None:
    """Start all parts. They stop in reverse order."""
    clocks = Clocks(process.clock)
    catalogue = open_catalogue(settings.catalogue, encode, clocks.earliest)
    health = Health([contract.full_name for contract in (CONTRACT, STATISTICS_CONTRACT, LEADERBOARD_CONTRACT)])
    process.readiness.follow(health)
    cache = open_cache(settings.redis, process, health)
    database = open_database(settings.database, NAME, process, health, clocks)
    stale_reads = open_standby(settings.standby, settings.database.pool_size, NAME, database, process, health)
    known_boards = KnownBoards(database)
    watch_catalogue(catalogue, database, process, health, known_boards)

    def definitions() -> Catalogue:
        return catalogue.live.current.catalogue

    leaderboard_cache = open_leaderboard_cache(cache, database, definitions, process, known_boards)
    start_ranking_duties(leaderboard_cache, database, definitions, process)
    start_ranking_refresh(catalogue.live, database, clocks, process)
    start_challenge_counting(catalogue.live, database, clocks, process)
    wake_delivery: Callable[[], object] = _delivered_elsewhere
    if settings.rewards.dispatch:
        wake_delivery = start_delivery(settings.rewards, database, clocks, process)
    counted = AchievementTelemetry(process.telemetry)

    def count(achieved: Achieved) -> None:
        counted.count(achieved)
        if achieved.claimed_by_call or achieved.claimed_automatically:
            wake_delivery()

    database.achieved = count
    development = open_development_clock(settings.development, process, health)
    servicer = ChallengeServicer(
        database,
        catalogue.live,
        present(clocks.database, development),
        # Claims are due by the clock that all dispatchers share.
        queue_clock=clocks.database,
        # Only who delivers needs the addresses and secrets of providers.
        routes=routes_of(settings.rewards) if settings.rewards.dispatch else named_routes(settings.rewards),
        waits_max=max(1, settings.server.threads // 2),
        time_zone_interval=settings.players.time_zone_interval_d * DAY,
        kept_lists_bytes=settings.players.kept_lists_mib * 1024 * 1024,
    )
    clock = present(process.clock, development)
    statistics = StatisticsServicer(database, catalogue.live, clock, stale_reads)
    readers = [leaderboard_cache.rankings] if leaderboard_cache.rankings is not None else []
    leaderboards = LeaderboardServicer(Leaderboards(stale_reads, readers), catalogue.live, clock)
    process.lifecycle.on_stop("waits for the database", database.begin_stop)
    tls = open_port_tls(settings.tls, process)
    server = Server(
        process.endpoint,
        [
            ServiceBinding(CONTRACT, servicer),
            ServiceBinding(STATISTICS_CONTRACT, statistics),
            ServiceBinding(LEADERBOARD_CONTRACT, leaderboards),
        ],
        threads=settings.server.threads,
        limits=limits_of(settings.server),
        health=health,
        telemetry=process.telemetry,
        development=development,
        credentials=None if tls is None else server_credentials(tls),
        callers=open_callers(settings.callers, process),
        reflection=settings.callers.reflects,
    )
    serve(server, health, process.lifecycle, process.grace_s, servicer.waits.stop)
    process.lifecycle.on_stop("calls that the database holds", partial(database.begin_stop, process.grace_s))


SERVICE = Service(
    NAME,
    "Lists players' challenges and accepts their claims.",
    ChallengeSettings,
    compose,
    separate_loader.discard_prepared,
)


def main() -> int:
    """Run the service until a signal ends it."""
    gc.enable()
    return run_service(SERVICE, sys.argv[1:], os.environ)


if __name__ == "__main__":
    sys.exit(main())
