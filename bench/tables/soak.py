"""A whole game for a long time, which shows whether anything grows or gets slower."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from bench.correctness import Faults
from bench.figures import Figure, Table, Unit, at_most, quotient
from bench.game import CAPACITY, Played, WholeGame, game_begun
from bench.load import POSTGRES, bounds_of_median, median
from bench.services import CHALLENGE_SERVICE, EVENT_HANDLER
from bench.workbench import Workbench
from load_generator.plan import RunLength

SHARE_OF_CAPACITY = 0.6
WARM_UP_S = 0.5
INTERVALS = 30
INTERVAL_MIN_S = 15.0
"""Minimum duration in seconds, including the measurement of the capacity."""

SOAK_S_A_ROUND = 40.0
"""Seconds of the game per round of the comparison, so 90 rounds after an hour: a p99 of seconds varies by half."""
ROUNDS_MIN = 6
"""With fewer rounds, not even the extremes bound the median with 95 % confidence."""
RUN_S = 3.0
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


class OldAndNew(NamedTuple):
    """Runs of the long game and of one that has just begun. Which of them is played first alternates."""

    old: Played
    new: Played


def measure_soak(bench: Workbench) -> Table:
    """Play a whole game at a share of the capacity, measure the services regularly, then compare with a new game."""
    count = int(max(4, min(INTERVALS, bench.scale.soak_s / INTERVAL_MIN_S)))
    length = RunLength(WARM_UP_S, max(1.0, bench.scale.soak_s / count - sum(CAPACITY) - WARM_UP_S))
    with game_begun(bench) as game:
        intervals = [_interval(game, length) for _ in bench.rounds("soak", count)]
        with game_begun(bench) as new_game:
            rounds = _play_both(bench, game, new_game, max(ROUNDS_MIN, int(bench.scale.soak_s / SOAK_S_A_ROUND)))
            every = [*game.played, *new_game.played]
    table = Table(
        "soak",
        f"A whole game for {bench.scale.soak_s:,g} s",
        f"The calls of the table `mix`, with {bench.scale.players:,} players, at {SHARE_OF_CAPACITY:.0%} of the "
        "capacity of both services on one core just before. Then alternating with a game that has just begun: services "
        f"just started, players with their first history, {RUN_S:g} s per run, the same rate for both.",
        grid=_grid(intervals),
    )
    _add_drift(table, rounds)
    _add_growth(table, intervals)
    Faults.total(part.faults for part in every).add_to(table)
    table.check("incomplete lists", sum(part.broken_lists for part in every))
    return table


def _interval(game: WholeGame, length: RunLength) -> Interval:
    saturated = game.saturate()
    return Interval(saturated, game.play(SHARE_OF_CAPACITY * saturated.run.rate, length))


def _play_both(bench: Workbench, old: WholeGame, new: WholeGame, count: int) -> list[OldAndNew]:
    length = RunLength(WARM_UP_S, RUN_S)
    rate = 0.0
    rounds = []
    for number in bench.rounds("soak: the game and a new one", count):
        if number % ROUNDS_A_CAPACITY == 1:
            rate = SHARE_OF_CAPACITY * min(old.saturate().run.rate, new.saturate().run.rate)
        if number % 2:
            rounds.append(OldAndNew(old=old.play(rate, length), new=new.play(rate, length)))
        else:
            rounds.append(OldAndNew(new=new.play(rate, length), old=old.play(rate, length)))
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


def _add_drift(table: Table, rounds: Sequence[OldAndNew]) -> None:
    """Add the ratios of the old game to the new one."""

    def add(name: str, unit: str, measured: Callable[[Played], float]) -> None:
        pairs = [(measured(old), measured(new)) for old, new in rounds]
        ratios = [quotient(old, new) for old, new in pairs]
        least, greatest = bounds_of_median(ratios)
        olds, news = (median(values) for values in zip(*pairs, strict=True))
        note = f"{least:.2f} to {greatest:.2f} with 95 % confidence; {olds:.4g} and {news:.4g} {unit} in the middle"
        table.add(f"{name}, relative to a new game", median(ratios), Unit.RATIO, at_most(DRIFT_MAX), note)

    add("p99", "ms", lambda played: played.run.latency_ms(0.99))
    add("p50", "ms", lambda played: played.run.latency_ms(0.5))
    add("CPU of both services", "µs a call", lambda played: played.cpu_us)
    add("CPU of Postgres", "µs a call", lambda played: played.run.cpu_us(POSTGRES))


def _add_growth(table: Table, intervals: Sequence[Interval]) -> None:
    """Add the memory and descriptors in the last quarter of the time relative to the second."""
    quarter = len(intervals) // 4
    early = [interval.played for interval in intervals[quarter : 2 * quarter]]
    late = [interval.played for interval in intervals[-quarter:]]

    def add(name: str, measured: Callable[[Played], float]) -> None:
        first, last = (median([measured(part) for part in quarter]) for quarter in (early, late))
        note = f"from {first:.4g} to {last:.4g}"
        table.figures.append(
            Figure(f"{name}, last quarter", quotient(last, first), Unit.RATIO, at_most(GROWTH_MAX), note, True)
        )

    for index, name in enumerate(_SERVICES):
        add(f"memory of {name}", lambda part, index=index: part.memory[index])  # type: ignore[misc]
        add(f"descriptors of {name}", lambda part, index=index: part.descriptors[index])  # type: ignore[misc]
