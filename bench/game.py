"""A whole game that is played in stretches, each checked afterwards."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from challenge.v1 import event_service_pb2 as event_rpc

from bench import services
from bench.correctness import Faults, compare, is_part, is_whole, read_tallies, reported
from bench.load import Run
from bench.mix import METHODS, Kind, Mix
from bench.processes import ServerProcess
from bench.services import CHALLENGE_SERVICE, EVENT_HANDLER
from bench.usage import descriptors_of, memory_of
from bench.workplace import Ground, Workplace
from load_generator.plan import ClosedLoop, OpenLoop, Stretch
from shared.runtime.clock import system_clock

CONNECTIONS = 8
SATURATION = ClosedLoop(in_flight=32, connections=CONNECTIONS)
CAPACITY = Stretch(1.0, 4.0)
"""The stretch in which the capacity is measured."""
RATE_MAX = 5_000.0
"""A rate beyond the capacity of both services."""
LISTS_KEPT_EVERY = 500


class Played(NamedTuple):
    """The observations of one stretch of the game."""

    run: Run
    memory: Sequence[float]
    """Memory of each service, in MiB."""
    descriptors: Sequence[int]
    faults: Faults
    broken_lists: int
    """Number of kept lists that are incomplete."""
    kept_lists: int

    @property
    def cpu_us(self) -> float:
        """CPU time of both services per successful call, in microseconds."""
        return sum(self.run.cpu_us(name) for name in (CHALLENGE_SERVICE, EVENT_HANDLER))

    @property
    def busy_cores(self) -> float:
        """Number of cores used by both services, which share one."""
        return sum(self.run.cores(name) for name in (CHALLENGE_SERVICE, EVENT_HANDLER))


class Game:
    """Both services on one core, and the calls of the table `mix`."""

    def __init__(self, place: Workplace, ground: Ground, servers: Sequence[ServerProcess]) -> None:
        self.ground = ground
        self.servers = servers
        self.played: list[Played] = []
        """All stretches so far."""
        self._place = place

    def saturate(self) -> Played:
        """Play as fast as the services respond: the rate is their capacity at this time."""
        return self._play(SATURATION, RATE_MAX, CAPACITY)

    def play(self, rate: float, stretch: Stretch) -> Played:
        """Play on at a fixed rate in calls per second."""
        return self._play(OpenLoop(rate=rate, connections=CONNECTIONS), rate, stretch)

    def _play(self, pace: OpenLoop | ClosedLoop, rate_max: float, stretch: Stretch) -> Played:
        before = read_tallies(self.ground.url)
        mix = Mix(self.ground.play, self.ground.catalogue, system_clock())
        calls = mix.calls(round(rate_max * (stretch.warm_up_s + stretch.measured_s)))
        kept = {Kind.EVENT: 1, Kind.LIST: LISTS_KEPT_EVERY, Kind.LIST_ACTIVE: LISTS_KEPT_EVERY}
        keep_every = [kept.get(kind, 0) for kind in Kind]
        run = self._place.play_mix(self.servers, METHODS, calls, pace, stretch, keep_every=keep_every)
        events = run.part(Kind.EVENT)
        sent = [[event] for event in mix.events]
        told = reported(events, sent, event_rpc.ReportEventResponse)
        self.ground.play.take_back(sent[len(events.played.codes) :])
        lists, active = run.part(Kind.LIST).responses.values(), run.part(Kind.LIST_ACTIVE).responses.values()
        catalogue = self.ground.catalogue
        broken = sum(not is_whole(response, catalogue) for response in lists)
        broken += sum(not is_part(response, catalogue) for response in active)
        played = Played(
            run,
            [memory_of(server.running_pid).resident for server in self.servers],
            [descriptors_of(server.running_pid) for server in self.servers],
            compare(self.ground.url, before, [told]),
            broken,
            len(lists) + len(active),
        )
        self.played.append(played)
        return played


@contextmanager
def game_begun(place: Workplace) -> Iterator[Game]:
    """Yield a game of players with a history, with services that were just started."""
    with (
        place.ground() as ground,
        place.running(services.service(CHALLENGE_SERVICE, ground.url, ground.catalogue_path)) as challenges,
        place.running(services.service(EVENT_HANDLER, ground.url, ground.catalogue_path)) as events,
    ):
        yield Game(place, ground, [challenges, events])
