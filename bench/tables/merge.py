"""The tally merge beside two ways to update a progress row for each goal, on as many rows of the same players."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, cast

from bench.database import connected
from bench.figures import Grid, Table, Unit, at_least
from bench.samples import median
from bench.statements import statement, text
from bench.workplace import Ground, Workplace
from shared.domain.catalogue import Goal
from shared.domain.events import Event
from shared.domain.tally import fold
from shared.postgres.arrays import int_array, text_array
from shared.postgres.connection import Connection
from shared.postgres.events import tallies
from shared.postgres.statements import Statement
from shared.postgres.statements import statement as system_statement
from shared.postgres.transaction import run_transaction
from shared.runtime.clock import system_clock

SIZES = (1, 10, 25, 60, 100, 200, 500, 1_000)
RUNS_MAX, RUNS_MIN = 30, 3
ROWS_IN_ALL = 1_500
"""A size is measured so often that about so many rows are written by each way, within the bounds above."""
GOALS = 10
"""Rows that each player has in the classical design: as many as there are goals assigned by default."""
TARGET_FAR = 2**40

_WAYS = ("tally merge", "correlated", "join")


class Times(NamedTuple):
    """Of one statement, in milliseconds."""

    prepared: float
    text: float
    plan: float
    run: float


@dataclass(frozen=True)
class Batch:
    """What one statement is given."""

    statement: Statement
    parameters: Sequence[object]


def measure_merge(place: Workplace) -> Table:
    """Wall times prepared and not, and the server's own account of planning and execution."""
    table = Table(
        "merge",
        "The tally merge beside a progress row per goal",
        "The same players and deltas in turns: the tally merge, which adds and returns both sides; an upsert of "
        "progress rows with nine correlated subqueries; an update of progress rows that exist from a join in a CTE. "
        "Medians in ms from sending to the last row, prepared and sent as text; 'plan' and 'run' are the server's own "
        "account of the latter. The ratios hold the merge, which is prepared, against the others as text.",
    )
    rows: list[list[float]] = []
    with place.ground() as ground, connected(ground.url) as connection:
        goals = list(ground.catalogue.default_goals)[:GOALS]
        _make_goal_progress(connection, goals)
        for size in SIZES:
            if size > len(ground.play.players):
                break
            place.say(f"merge: {size:,} rows")
            times = _measured(ground, goals, size, connection)
            rows.append([size, *(number for way in times for number in way)])
            merge, correlated, join = times
            table.add(
                f"{size:,} rows: the faster of the others",
                min(correlated.text, join.text) / merge.prepared,
                Unit.RATIO,
                at_least(1.0),
                f"all prepared: {min(correlated.prepared, join.prepared) / merge.prepared:.2f}",
            )
    table.add(
        f"{rows[-1][0]:,.0f} rows: the correlated one", correlated.text / merge.prepared, Unit.RATIO, at_least(12.0)
    )
    table.grid = Grid(["rows", *(f"{way}: {what}" for way in _WAYS for what in Times._fields)], rows)
    return table


def _make_goal_progress(connection: Connection, goals: Sequence[Goal]) -> None:
    connection.execute(text("goal_progress").encode())
    ids, challenges = text_array([goal.id for goal in goals]), text_array([goal.challenge_id for goal in goals])
    statement("fill_goal_progress").rows(connection, ids, challenges)
    connection.execute("VACUUM (ANALYZE) goal_progress")


def _measured(ground: Ground, goals: Sequence[Goal], size: int, connection: Connection) -> list[Times]:
    """The times of each way at one size."""
    samples: list[list[Times]] = [[] for _ in _WAYS]
    # The first round prepares and fills caches.
    for round_ in range(1 + max(RUNS_MIN, min(RUNS_MAX, ROWS_IN_ALL // size))):
        for way, batch in enumerate(_batches(ground, goals, size)):
            times = _timed(connection, batch)
            if round_:
                samples[way].append(times)
    return [Times(*(median(column) for column in zip(*some, strict=True))) for some in samples]


def _batches(ground: Ground, goals: Sequence[Goal], size: int) -> list[Batch]:
    """The same rows for each way: so many players, each with a delta for one goal, in the order of their keys."""
    now = system_clock()
    play = ground.play
    chosen = [(player, play.random.choice(goals)) for player in sorted(play.random.sample(play.players, size))]
    events = [Event("", player, now, goal.stat, delta=1, value=1) for player, goal in chosen]
    progress = (
        text_array([player for player, _ in chosen]),
        text_array([goal.id for _, goal in chosen]),
        text_array([goal.challenge_id for _, goal in chosen]),
        int_array([1] * size),
        int_array([TARGET_FAR] * size),
        "{" + ",".join(["false"] * size) + "}",
        now,
    )
    return [
        Batch(system_statement("merge_tallies"), _merge_parameters(events)),
        Batch(statement("goal_progress_correlated"), progress),
        Batch(statement("goal_progress_joined"), progress),
    ]


def _timed(connection: Connection, batch: Batch) -> Times:
    prepared = _wall_ms(connection, lambda connection: batch.statement.rows(connection, *batch.parameters))
    as_text = _wall_ms(
        connection,
        lambda connection: connection.execute(batch.statement.text, batch.parameters, prepare=False, binary=True),
    )
    return Times(prepared, as_text, *_explained(connection, batch))


def _wall_ms(connection: Connection, execute: Callable[[Connection], object]) -> float:
    def timed(connection: Connection) -> float:
        started = time.perf_counter()
        execute(connection)
        return 1e3 * (time.perf_counter() - started)

    return run_transaction(connection, timed)


def _explained(connection: Connection, batch: Batch) -> tuple[float, float]:
    """Planning and execution time in milliseconds, as the server tells them."""
    # Without the times of single plan nodes, which cost more than the statement.
    explain = b"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) " + batch.statement.text
    rows = run_transaction(
        connection, lambda connection: connection.execute(explain, batch.parameters, prepare=False).fetchall()
    )
    plan = rows[0][0][0]
    return float(plan["Planning Time"]), float(plan["Execution Time"])


class _Heard(Exception):
    def __init__(self, parameters: Sequence[object]) -> None:
        self.parameters = parameters


class _Ear:
    """Stands where a connection would, to learn what the library gives to its statement."""

    def run_prepared(self, _name: bytes, _text: bytes, parameters: Sequence[object]) -> None:
        raise _Heard(parameters)


def _merge_parameters(events: Sequence[Event]) -> Sequence[object]:
    try:
        tallies.merge(cast("Connection", _Ear()), fold(events, ()))
    except _Heard as heard:
        return heard.parameters
    raise RuntimeError("the merge executed nothing")
