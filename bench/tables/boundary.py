"""Latency in the second after the start of a period, compared with the second before it."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import NamedTuple

from bench.figures import Table, Unit, at_most, quotient
from bench.load import Run, percentile
from bench.services import CHALLENGE_SERVICE, EVENT_HANDLER
from bench.tables.events import REPORT, report_request
from bench.tables.lists import LIST, list_request
from bench.tables.schedules import give_periods, mostly_daily, scheduled
from bench.workplace import Ground, Workplace
from load_generator.plan import OpenLoop, Stretch
from shared.domain.instant import MINUTE, SECOND, Instant, Microseconds
from shared.runtime.clock import system_clock

LISTS, EVENTS = 300, 500
"""Calls per second of each kind."""
RATE = LISTS + EVENTS
BEFORE_S, AFTER_S = 6.0, 4.0
"""Seconds of calls before and after the boundary."""
PREPARE: Microseconds = 40 * SECOND
"""Minimum time before the boundary, in microseconds, for copying a database and starting services."""
METHODS = [(0, LIST), (1, REPORT)]
KINDS = {"lists": 0, "events": 1}


class Around(NamedTuple):
    """Latencies of one kind of call in the seconds before and after a boundary, in microseconds."""

    before: list[int]
    after: list[int]


def measure_boundary(place: Workplace) -> Table:
    """Measure lists and events around the start of a daily period for 250 of 500 goals."""
    table = Table(
        "boundary",
        "The second after a period has started",
        f"{LISTS} lists/s and {EVENTS} events/s; after {BEFORE_S:g} s a day begins for 250 of the 500 goals. Both "
        "services on one core. The seconds of all rounds together. A player's first value in a day completes goals by "
        "the dozen, as rising values do in no game of daily goals.",
    )
    around = {kind: Around([], []) for kind in KINDS}
    for _ in place.rounds("boundary", place.terms.rounds):
        run, offset_s = _play(place)
        middle = round(offset_s * RATE)
        for kind, number in KINDS.items():
            around[kind].before.extend(_latencies(run, number, middle - RATE, middle))
            around[kind].after.extend(_latencies(run, number, middle, middle + RATE))
    for kind, (before, after) in around.items():
        first, second = percentile(before, 0.95) / 1e3, percentile(after, 0.95) / 1e3
        note = f"{second:.1f} to {first:.1f} ms; the longest {max(after) / 1e3:.0f} and {max(before) / 1e3:.0f} ms"
        table.add(
            f"latency of {kind} after the boundary beside before, p95",
            quotient(second, first),
            Unit.RATIO,
            at_most(1.5),
            note,
        )
    return table


def _latencies(run: Run, method: int, first: int, last: int) -> list[int]:
    """Return the latencies in microseconds of one method's calls among the calls from `first` to before `last`."""
    played = run.played
    return [played.latencies_us[n] for n in range(first, last) if played.methods[n] == method]


def _play(place: Workplace) -> tuple[Run, float]:
    """Return the run, and the seconds from its beginning to the boundary."""
    boundary = (system_clock() + PREPARE) // MINUTE * MINUTE + MINUTE
    hour, minute = divmod(boundary // MINUTE % 1_440, 60)
    with place.ground() as plain:
        ground = scheduled(place, plain, f"boundary-{hour:02}-{minute:02}", mostly_daily, at=f"{hour:02}:{minute:02}")
        give_periods(ground, ground.play.players, ())
        with (
            place.service(CHALLENGE_SERVICE, ground) as lists,
            place.service(EVENT_HANDLER, ground) as events,
        ):
            begin = boundary - int(BEFORE_S * SECOND)
            stretch = Stretch(1.0, BEFORE_S + AFTER_S - 1.0)
            requests = list(islice(_requests(ground, ground.play.shuffled(), begin), int((BEFORE_S + AFTER_S) * RATE)))
            time.sleep(max(0, begin - system_clock()) / SECOND)
            began = system_clock()
            servers = {CHALLENGE_SERVICE: lists, EVENT_HANDLER: events}
            run = place.play_mix(
                servers, METHODS, requests, OpenLoop(rate=RATE, connections=8), stretch, keep_every=[0, 0]
            )
            return run, (boundary - began) / SECOND


def _requests(ground: Ground, players: Sequence[str], begin: Instant) -> Iterator[tuple[int, bytes]]:
    """Yield three lists and five events in turn, each event at the time when it is due."""
    events = ground.play.events(begin)
    number = 0
    while True:
        for kind in (1, 0, 1, 0, 1, 1, 0, 1):
            if kind == 0:
                yield 0, list_request(players[number % len(players)])
            else:
                event = next(events)._replace(time=begin + number * SECOND // RATE)
                yield 1, report_request(event)
            number += 1
