"""A whole game for a long time: whether anything grows, or gets slower."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from challenge.v1 import event_service_pb2 as event_rpc

from bench.correctness import Faults, compare, read_tallies, reported
from bench.figures import Figure, Grid, Table, Target, Unit, at_most
from bench.load import ClosedLoop, OpenLoop, Run, Stretch
from bench.memory import descriptors_of, memory_of
from bench.mix import METHODS, Kind, Mix
from bench.processes import ServerProcess
from bench.samples import median
from bench.services import CHALLENGE_SERVICE, EVENT_HANDLER
from bench.tables.calls import add_failures
from bench.whole import is_part, is_whole
from bench.workplace import Ground, Workplace
from shared.runtime.clock import system_clock

SHARE_OF_CAPACITY = 0.6
SATURATION = ClosedLoop(in_flight=32, connections=8)
CAPACITY = Stretch(2.0, 8.0)
"""How long the capacity is measured, which warms everything up as well."""
RATE_MAX = 5_000.0
"""More than both services take of the mix."""
INTERVALS = 30
INTERVAL_MIN_S = 5.0
LISTS_KEPT_EVERY = 500

P99_DRIFT_MAX = 1.1
GROWTH_MAX = 1.1
"""Flat, but for what the interpreter's memory breathes. More is a leak, and fails the run."""


class Interval(NamedTuple):
    """What was seen of one part of the time."""

    run: Run
    memory: Sequence[float]
    """Of each service, in MiB."""
    descriptors: Sequence[int]
    faults: Faults


class Game:
    """Both services, and the game that is played with them."""

    def __init__(self, place: Workplace, ground: Ground, servers: Sequence[ServerProcess]) -> None:
        self._place = place
        self._ground = ground
        self._servers = servers

    def play(self, pace: OpenLoop | ClosedLoop, stretch: Stretch) -> Interval:
        """Play on for so long, and look at everything afterwards."""
        before = read_tallies(self._ground.url)
        mix = Mix(self._ground.play, self._ground.catalogue, system_clock())
        rate = pace.rate if isinstance(pace, OpenLoop) else RATE_MAX
        calls = mix.calls(round(rate * (stretch.warm_up_s + stretch.measured_s)))
        kept = {Kind.EVENT: 1, Kind.LIST: LISTS_KEPT_EVERY, Kind.LIST_ACTIVE: LISTS_KEPT_EVERY}
        keep_every = [kept.get(kind, 0) for kind in Kind]
        run = self._place.play_mix(self._servers, METHODS, calls, pace, stretch, keep_every=keep_every)
        events = run.part(Kind.EVENT)
        sent = [[event] for event in mix.events]
        told = reported(events, sent, event_rpc.ReportEventResponse)
        self._ground.play.take_back(sent[len(events.played.codes) :])
        return Interval(
            run,
            [memory_of(server.running_pid).resident for server in self._servers],
            [descriptors_of(server.running_pid) for server in self._servers],
            compare(self._ground.url, before, [told]),
        )

    def broken_lists(self, run: Run) -> int:
        """How many of the lists that were kept are none."""
        catalogue = self._ground.catalogue
        broken = sum(not is_whole(answer, catalogue) for answer in run.part(Kind.LIST).answers.values())
        return broken + sum(not is_part(answer, catalogue) for answer in run.part(Kind.LIST_ACTIVE).answers.values())


def measure_soak(place: Workplace) -> Table:
    """Play a whole game at a good part of what the services can do; look at them again and again."""
    count = int(max(4, min(INTERVALS, place.terms.soak_s / INTERVAL_MIN_S)))
    stretch = Stretch(0.0, place.terms.soak_s / count)
    with _game(place) as game:
        place.say("soak: what can they do?")
        capacity = game.play(SATURATION, CAPACITY).run.rate
        intervals, broken = [], 0
        for number in range(1, count + 1):
            place.say(f"soak: interval {number} of {count}")
            intervals.append(game.play(OpenLoop(rate=SHARE_OF_CAPACITY * capacity, connections=8), stretch))
            broken += game.broken_lists(intervals[-1].run)
    table = Table(
        "soak",
        f"A whole game for {place.terms.soak_s:,g} s",
        f"The calls of the table `mix`, with {place.terms.players:,} players, at {SHARE_OF_CAPACITY:.0%} of the "
        f"{capacity:,.0f} calls/s that both services on one core take of them. Compared are the medians of the second "
        "quarter of the time and of the last.",
        grid=_grid(intervals),
    )
    _add_drifts(table, intervals)
    add_failures(table, [interval.run for interval in intervals])
    Faults.total(interval.faults for interval in intervals).add_to(table)
    table.check("lists that are not whole", broken)
    return table


@contextmanager
def _game(place: Workplace) -> Iterator[Game]:
    with (
        place.ground() as ground,
        place.service(CHALLENGE_SERVICE, ground.url, ground.catalogue_path) as challenges,
        place.service(EVENT_HANDLER, ground.url, ground.catalogue_path) as events,
    ):
        yield Game(place, ground, [challenges, events])


def _grid(intervals: Sequence[Interval]) -> Grid:
    per_service = [
        f"{what} of {name}" for what in ("MiB", "descriptors") for name in (CHALLENGE_SERVICE, EVENT_HANDLER)
    ]
    return Grid(
        ["interval", "calls/s", "failed", "p50 ms", "p99 ms", *per_service],
        [
            [
                number,
                interval.run.rate,
                interval.run.failed,
                interval.run.latency_ms(0.5),
                interval.run.latency_ms(0.99),
                *interval.memory,
                *interval.descriptors,
            ]
            for number, interval in enumerate(intervals, 1)
        ],
    )


def _add_drifts(table: Table, intervals: Sequence[Interval]) -> None:
    quarter = len(intervals) // 4
    early, late = intervals[quarter : 2 * quarter], intervals[-quarter:]

    def add(name: str, target: Target, begun: Sequence[float], ended: Sequence[float], *, decisive: bool) -> None:
        first, last = median(begun), median(ended)
        note = f"from {first:.4g} to {last:.4g}"
        table.figures.append(Figure(name, last / first, Unit.RATIO, target, note, decisive))

    add(
        "p99, last beside early",
        at_most(P99_DRIFT_MAX),
        [interval.run.latency_ms(0.99) for interval in early],
        [interval.run.latency_ms(0.99) for interval in late],
        decisive=False,
    )
    for place, name in enumerate((CHALLENGE_SERVICE, EVENT_HANDLER)):
        add(
            f"memory of {name}, last beside early",
            at_most(GROWTH_MAX),
            [interval.memory[place] for interval in early],
            [interval.memory[place] for interval in late],
            decisive=True,
        )
        add(
            f"descriptors of {name}, last beside early",
            at_most(GROWTH_MAX),
            [interval.descriptors[place] for interval in early],
            [interval.descriptors[place] for interval in late],
            decisive=True,
        )
