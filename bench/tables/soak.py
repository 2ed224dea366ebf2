"""A whole game for a long time, which shows whether anything grows or gets slower."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from bench.correctness import Faults
from bench.figures import Figure, Table, Unit, at_most, quotient
from bench.game import CAPACITY, Game, Played, game_begun
from bench.load import POSTGRES, bounds_of_median, median
from bench.services import CHALLENGE_SERVICE, EVENT_HANDLER
from bench.workplace import Workplace
from load_generator.plan import Stretch

SHARE_OF_CAPACITY = 0.6
WARM_UP_S = 0.5
INTERVALS = 30
INTERVAL_MIN_S = 15.0
"""Minimum duration in seconds, including the measurement of the capacity."""

SOAK_S_A_ROUND = 40.0
"""Seconds of the game per round of the comparison, so 90 rounds after an hour: a p99 of seconds varies by half."""
ROUNDS_MIN = 6
"""With fewer rounds, not even the extremes bound the median with 95 % confidence."""
TURN_S = 3.0
ROUNDS_A_CAPACITY = 10
"""Number of rounds played at one rate before the capacity is measured again."""

_SERVICES = (CHALLENGE_SERVICE, EVENT_HANDLER)

DRIFT_MAX = 1.1
GROWTH_MAX = 1.1
"""Allowed fluctuation of the interpreter's memory. More is a leak, and fails the run."""


class Interval(NamedTuple):
    """A part of the game."""

    saturated: Played
    """A short run at full speed, which measures the capacity at this time."""
    played: Played


class Turns(NamedTuple):
    """The long game and one that has just begun; they take the first turn alternately."""

    old: Played
    new: Played


def measure_soak(place: Workplace) -> Table:
    """Play a whole game at a share of the capacity, measure the services regularly, then compare with a new game."""
    count = int(max(4, min(INTERVALS, place.terms.soak_s / INTERVAL_MIN_S)))
    stretch = Stretch(WARM_UP_S, max(1.0, place.terms.soak_s / count - sum(CAPACITY) - WARM_UP_S))
    with game_begun(place) as game:
        intervals = [_interval(game, stretch) for _ in place.rounds("soak", count)]
        with game_begun(place) as new_game:
            rounds = _play_both(place, game, new_game, max(ROUNDS_MIN, int(place.terms.soak_s / SOAK_S_A_ROUND)))
            every = [*game.played, *new_game.played]
    table = Table(
        "soak",
        f"A whole game for {place.terms.soak_s:,g} s",
        f"The calls of the table `mix`, with {place.terms.players:,} players, at {SHARE_OF_CAPACITY:.0%} of the "
        "capacity of both services on one core just before. Then in turns with a game that has just begun: services "
        f"just started, players with their first history, {TURN_S:g} s per turn, the same rate for both.",
        grid=_grid(intervals),
    )
    _add_drift(table, rounds)
    _add_growth(table, intervals)
    Faults.total(part.faults for part in every).add_to(table)
    table.check("incomplete lists", sum(part.broken_lists for part in every))
    return table


def _interval(game: Game, stretch: Stretch) -> Interval:
    saturated = game.saturate()
    return Interval(saturated, game.play(SHARE_OF_CAPACITY * saturated.run.rate, stretch))


def _play_both(place: Workplace, old: Game, new: Game, count: int) -> list[Turns]:
    stretch = Stretch(WARM_UP_S, TURN_S)
    rate = 0.0
    rounds = []
    for number in place.rounds("soak: the game beside a new one", count):
        if number % ROUNDS_A_CAPACITY == 1:
            rate = SHARE_OF_CAPACITY * min(old.saturate().run.rate, new.saturate().run.rate)
        if number % 2:
            rounds.append(Turns(old=old.play(rate, stretch), new=new.play(rate, stretch)))
        else:
            rounds.append(Turns(new=new.play(rate, stretch), old=old.play(rate, stretch)))
    return rounds


def _grid(intervals: Sequence[Interval]) -> list[dict[str, float]]:
    return [
        {
            "interval": number,
            "capacity, calls/s": saturated.run.rate,
            "calls/s": played.run.rate,
            "failed": played.run.failed,
            "cores busy": played.busy_cores,
            "CPU µs": played.cpu_us,
            "p50 ms": played.run.latency_ms(0.5),
            "p99 ms": played.run.latency_ms(0.99),
            **{f"MiB of {name}": mib for name, mib in zip(_SERVICES, played.memory, strict=True)},
            **{f"descriptors of {name}": count for name, count in zip(_SERVICES, played.descriptors, strict=True)},
        }
        for number, (saturated, played) in enumerate(intervals, 1)
    ]


def _add_drift(table: Table, rounds: Sequence[Turns]) -> None:
    """Add the ratios of the old game to the new one."""

    def add(name: str, unit: str, measured: Callable[[Played], float]) -> None:
        pairs = [(measured(old), measured(new)) for old, new in rounds]
        ratios = [quotient(old, new) for old, new in pairs]
        least, greatest = bounds_of_median(ratios)
        olds, news = (median(values) for values in zip(*pairs, strict=True))
        note = f"{least:.2f} to {greatest:.2f} with 95 % confidence; {olds:.4g} and {news:.4g} {unit} in the middle"
        table.add(f"{name}, beside a new game", median(ratios), Unit.RATIO, at_most(DRIFT_MAX), note)

    add("p99", "ms", lambda turn: turn.run.latency_ms(0.99))
    add("p50", "ms", lambda turn: turn.run.latency_ms(0.5))
    add("CPU of both services", "µs a call", lambda turn: turn.cpu_us)
    add("CPU of Postgres", "µs a call", lambda turn: turn.run.cpu_us(POSTGRES))


def _add_growth(table: Table, intervals: Sequence[Interval]) -> None:
    """Add the memory and descriptors in the last quarter of the time beside the second."""
    quarter = len(intervals) // 4
    early = [interval.played for interval in intervals[quarter : 2 * quarter]]
    late = [interval.played for interval in intervals[-quarter:]]

    def add(name: str, measured: Callable[[Played], float]) -> None:
        first, last = (median([measured(part) for part in quarter]) for quarter in (early, late))
        note = f"from {first:.4g} to {last:.4g}"
        table.figures.append(
            Figure(f"{name}, last quarter", quotient(last, first), Unit.RATIO, at_most(GROWTH_MAX), note, True)
        )

    for place, name in enumerate(_SERVICES):
        add(f"memory of {name}", lambda part, place=place: part.memory[place])  # type: ignore[misc]
        add(f"descriptors of {name}", lambda part, place=place: part.descriptors[place])  # type: ignore[misc]
