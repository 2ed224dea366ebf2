"""A whole game that is played on and on, with everything looked at after each stretch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from challenge.v1 import event_service_pb2 as event_rpc

from bench.correctness import Faults, compare, read_tallies, reported
from bench.load import ClosedLoop, OpenLoop, Run, Stretch
from bench.mix import METHODS, Kind, Mix
from bench.processes import ServerProcess
from bench.services import CHALLENGE_SERVICE, EVENT_HANDLER
from bench.usage import descriptors_of, memory_of
from bench.whole import is_part, is_whole
from bench.workplace import Ground, Workplace
from shared.runtime.clock import system_clock

CONNECTIONS = 8
SATURATION = ClosedLoop(in_flight=32, connections=CONNECTIONS)
CAPACITY = Stretch(1.0, 4.0)
"""How long the capacity is measured."""
RATE_MAX = 5_000.0
"""More than both services take of the mix."""
LISTS_KEPT_EVERY = 500


class Played(NamedTuple):
    """What was seen of one stretch of the game."""

    run: Run
    memory: Sequence[float]
    """Of each service, in MiB."""
    descriptors: Sequence[int]
    faults: Faults
    broken_lists: int
    """Lists that were not whole, of those that were kept."""

    @property
    def cpu_us(self) -> float:
        """CPU time of both services for each call that ended well, in microseconds."""
        return sum(self.run.cpu_us(name) for name in (CHALLENGE_SERVICE, EVENT_HANDLER))

    @property
    def busy_cores(self) -> float:
        """How many cores both services took; they have one."""
        return sum(self.run.cores(name) for name in (CHALLENGE_SERVICE, EVENT_HANDLER))


class Game:
    """Both services, on one core, and the calls of the table `mix`."""

    def __init__(self, place: Workplace, ground: Ground, servers: Sequence[ServerProcess]) -> None:
        self._place = place
        self._ground = ground
        self._servers = servers
        self.played: list[Played] = []
        """All that was played so far."""

    def saturate(self) -> Played:
        """Play as fast as the services answer: the rate is their capacity, on this machine at this time."""
        return self._play(SATURATION, RATE_MAX, CAPACITY)

    def play(self, rate: float, stretch: Stretch) -> Played:
        """Play on at so many calls a second."""
        return self._play(OpenLoop(rate=rate, connections=CONNECTIONS), rate, stretch)

    def _play(self, pace: OpenLoop | ClosedLoop, rate_max: float, stretch: Stretch) -> Played:
        before = read_tallies(self._ground.url)
        mix = Mix(self._ground.play, self._ground.catalogue, system_clock())
        calls = mix.calls(round(rate_max * (stretch.warm_up_s + stretch.measured_s)))
        kept = {Kind.EVENT: 1, Kind.LIST: LISTS_KEPT_EVERY, Kind.LIST_ACTIVE: LISTS_KEPT_EVERY}
        keep_every = [kept.get(kind, 0) for kind in Kind]
        run = self._place.play_mix(self._servers, METHODS, calls, pace, stretch, keep_every=keep_every)
        events = run.part(Kind.EVENT)
        sent = [[event] for event in mix.events]
        told = reported(events, sent, event_rpc.ReportEventResponse)
        self._ground.play.take_back(sent[len(events.played.codes) :])
        played = Played(
            run,
            [memory_of(server.running_pid).resident for server in self._servers],
            [descriptors_of(server.running_pid) for server in self._servers],
            compare(self._ground.url, before, [told]),
            self._broken_lists(run),
        )
        self.played.append(played)
        return played

    def _broken_lists(self, run: Run) -> int:
        catalogue = self._ground.catalogue
        broken = sum(not is_whole(answer, catalogue) for answer in run.part(Kind.LIST).answers.values())
        return broken + sum(not is_part(answer, catalogue) for answer in run.part(Kind.LIST_ACTIVE).answers.values())


@contextmanager
def game_begun(place: Workplace) -> Iterator[Game]:
    """A game of players with a history, with services of its own that were just started."""
    with (
        place.ground() as ground,
        place.service(CHALLENGE_SERVICE, ground.url, ground.catalogue_path) as challenges,
        place.service(EVENT_HANDLER, ground.url, ground.catalogue_path) as events,
    ):
        yield Game(place, ground, [challenges, events])
