"""The merge of tallies compared with two updates of as many progress rows, of which a player has one for each goal."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

from bench.database import connected, statement, text
from bench.figures import Table, Unit, at_least
from bench.machine import thread_cpu_us
from bench.workbench import Setup, Workbench
from shared.domain.events import Event
from shared.domain.goal import Goal
from shared.domain.tally import fold
from shared.postgres.connection import Connection
from shared.postgres.events import tallies
from shared.postgres.statements import int_array, text_array
from shared.postgres.transaction import run_transaction
from shared.runtime.clock import system_clock

SIZES = (25, 60, 100, 200, 500, 1_000)
"""Rows of a statement."""
RUNS_MIN, RUNS_MAX = 11, 60
ROWS_TOTAL = 3_000
"""Rows that each way writes at a size, within the bounds above."""
GOALS = 10
"""Progress rows of each player."""
TARGET_FAR = 2**40

MERGE, CORRELATED, JOINED = "merge", "correlated", "joined"


@dataclass(frozen=True)
class _Batch:
    """Rows for each way: players in the order of their ids, each with one goal and a delta of 1."""

    chosen: Sequence[tuple[str, Goal]]

    def merge(self, connection: Connection) -> object:
        now = system_clock()
        events = [Event("", player, now, goal.stat, delta=1) for player, goal in self.chosen]
        return tallies.merge(connection, fold(events, ()))

    def execute(self, name: str) -> Callable[[Connection], object]:
        """Return the work of an update of progress rows, which is planned each time."""
        sql = text(name).encode()
        size = len(self.chosen)
        parameters = (
            text_array([player for player, _ in self.chosen]),
            text_array([goal.id for _, goal in self.chosen]),
            text_array([goal.challenge_id for _, goal in self.chosen]),
            int_array([1] * size),
            int_array([TARGET_FAR] * size),
            "{" + ",".join(["false"] * size) + "}",
            system_clock(),
        )
        return lambda connection: connection.execute(sql, parameters, prepare=False, binary=True)


def measure_merge(bench: Workbench) -> Table:
    """Measure the CPU of the session for the merge and for both updates, on batches of several sizes."""
    table = Table(
        "merge",
        "The merge of tallies compared with a progress row for each goal",
        "CPU of the session in Postgres for one transaction, alternating, medians. The merge is prepared, as the "
        "services execute it. The updates of progress rows are sent as text: an upsert with nine correlated "
        f"subqueries, and an update from a join. Each player has {GOALS} progress rows.",
    )
    with bench.setup() as setup, connected(setup.url) as connection:
        goals = list(setup.catalogue.default_goals)[:GOALS]
        _fill(connection, goals)
        for size in SIZES:
            if size > len(setup.play.players):
                break
            bench.say(f"merge: {size:,} rows")
            costs = _costs(setup, goals, size, connection)
            fastest = min(costs[CORRELATED], costs[JOINED])
            table.add(
                f"{size:,} rows: the cheaper update relative to the merge",
                fastest / costs[MERGE],
                Unit.RATIO,
                at_least(1.0),
                f"merge {costs[MERGE]:,.0f}, subqueries {costs[CORRELATED]:,.0f}, join {costs[JOINED]:,.0f} µs",
            )
    return table


def _fill(connection: Connection, goals: Sequence[Goal]) -> None:
    connection.execute(text("goal_progress").encode())
    ids, challenges = text_array([goal.id for goal in goals]), text_array([goal.challenge_id for goal in goals])
    statement("fill_goal_progress").rows(connection, ids, challenges)
    connection.execute("VACUUM (ANALYZE) goal_progress")


def _costs(setup: Setup, goals: Sequence[Goal], size: int, connection: Connection) -> dict[str, float]:
    """Return the median CPU time of each way in microseconds."""
    samples: dict[str, list[float]] = {MERGE: [], CORRELATED: [], JOINED: []}
    # The first round prepares and fills caches.
    for round_ in range(1 + max(RUNS_MIN, min(RUNS_MAX, ROWS_TOTAL // size))):
        random = setup.play.random
        players = sorted(random.sample(setup.play.players, size))
        batch = _Batch([(player, random.choice(goals)) for player in players])
        ways = {
            MERGE: batch.merge,
            CORRELATED: batch.execute("goal_progress_correlated"),
            JOINED: batch.execute("goal_progress_joined"),
        }
        for name, work in ways.items():
            began_us = thread_cpu_us(connection.info.backend_pid)
            run_transaction(connection, work)
            if round_:
                samples[name].append(thread_cpu_us(connection.info.backend_pid) - began_us)
    return {name: median(values) for name, values in samples.items()}
