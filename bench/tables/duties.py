"""CPU of Postgres for duties over all players: for all of them, and after some have changed."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from bench.database import connected, opened, statement
from bench.events import MEASURED
from bench.figures import Table, Unit, at_most
from bench.workbench import Workbench
from shared.domain.events import Event
from shared.domain.instant import DAY, HOUR, MINUTE, Instant
from shared.domain.leaderboard import Leaderboard, LeaderboardMeasure
from shared.domain.schedules import DAILY, LIFETIME
from shared.operations.catalogue.catalogue_record import record_catalogue
from shared.operations.events.flush import Flush
from shared.operations.goals.activate import set_goal_active
from shared.operations.leaderboards.leaderboard_periods import open_periods
from shared.operations.leaderboards.period_finish import PeriodFinish
from shared.operations.leaderboards.ranking_refresh import RankingRefresh
from shared.operations.statistics.challenge_reports import ChallengeCount, read_challenge_reports
from shared.postgres.database import Database
from shared.runtime.clock import system_clock
from shared.runtime.telemetry import Telemetry

CHANGED = 1_000
CPU_S = 1.0
PATIENCE_S = 60.0
STAT = MEASURED[0].stat
HORIZON = 72 * HOUR

_FILL = statement("fill_scores")
_FILL_DAY = statement("fill_day")
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


@dataclass
class _Clock:
    """The time, of which the bench decides."""

    now: Instant

    def __call__(self) -> Instant:
        return self.now


def measure_duties(bench: Workbench) -> Table:
    """Measure the CPU of the session of each duty."""
    players = bench.scale.ranked
    table = Table(
        "duties",
        f"Duties over {players:,} players",
        "CPU of the duty's session of Postgres, whose steps follow each other without rests. Each player is on a "
        "leaderboard of all time and on one of a past day.",
    )
    setup = bench.empty_setup()
    clock = _Clock(system_clock())
    day = (clock() - HORIZON - 2 * DAY) // DAY * DAY
    boards = tuple(
        Leaderboard(name, name, "", LeaderboardMeasure.HIGHEST, STAT, schedule, ascending=False, shared_ranks=True)
        for name, schedule in (("ever", LIFETIME), ("daily", DAILY))
    )
    catalogue = replace(setup.catalogue, leaderboards=boards, version="duties")
    with opened(setup.url) as database:
        bench.say(f"duties: giving {players:,} players two scores")
        record_catalogue(database, catalogue, clock(), time.monotonic() + PATIENCE_S)
        database.autocommit(lambda connection: open_periods(connection, catalogue, day, clock()), _deadline())
        with connected(setup.url) as connection:
            connection.execute("SET statement_timeout = 0")
            _FILL.rows(connection, STAT.code, players)
            _FILL_DAY.rows(connection, STAT.code, DAILY.text, day)
            connection.execute("VACUUM (ANALYZE) tally")
        refresh = RankingRefresh(database, clock, Telemetry(), "bench")
        count = partial(ChallengeCount(database, "bench", clock).one_pass, catalogue)
        bench.say("duties: visiting all players")
        for duty, one_pass, what, number in (
            ("refresh ranking", refresh.one_pass, "score", 2 * players),
            ("count challenges", count, "player", players),
        ):
            cpu_us = _cpu_s(database, one_pass) / number * 1e6
            table.add(f"`{duty}`, first visit of all: CPU a {what}", cpu_us, Unit.MICROSECONDS)
        clock.now += HOUR
        events = [
            Event(f"change {number}", f"ranked player {number * (players // CHANGED)}", clock(), STAT, value=10**6)
            for number in range(1, CHANGED + 1)
        ]
        Flush(database, catalogue, _deadline(), keep_content=False, queue_clock=clock).run(events)
        clock.now += MINUTE
        cpu_s = _cpu_s(database, refresh.one_pass)
        table.add(f"`refresh ranking`, {CHANGED:,} players changed: CPU", cpu_s, Unit.SECONDS, at_most(CPU_S))
        optional = next(goal for goal in catalogue.goals.values() if goal.stat == STAT and not goal.default_assigned)
        (before,) = read_challenge_reports(database, [optional.challenge_id], _deadline())
        for event in events:
            # It is completed at once, the player's first.
            set_goal_active(database, catalogue, event.user_id, optional, True, clock(), _deadline())
        cpu_s = _cpu_s(database, count)
        table.add(f"`count challenges`, {CHANGED:,} players changed: CPU", cpu_s, Unit.SECONDS, at_most(CPU_S))
        (after,) = read_challenge_reports(database, [optional.challenge_id], _deadline())
        missing = CHANGED - (after.completed - before.completed)
        table.add("changed players whom it did not count", missing, Unit.COUNT, at_most(0))
        clock.now += DAY
        bench.say("duties: visiting all players again")
        cpu_us = _cpu_s(database, refresh.one_pass) / (2 * players) * 1e6
        table.add("`refresh ranking`, daily visit of all: CPU a score", cpu_us, Unit.MICROSECONDS)
        finish = PeriodFinish(database, "bench", clock)
        cpu_us = _cpu_s(database, lambda: finish.one_pass(HORIZON, clock())) / players * 1e6
        table.add("`finish period`: CPU a player", cpu_us, Unit.MICROSECONDS)
    return table


def _deadline() -> float:
    return time.monotonic() + PATIENCE_S


def _cpu_s(database: Database, work: Callable[[], object]) -> float:
    """Do work and return the CPU that the only session of the pool took for it, in seconds."""
    before = _session_cpu_s(database)
    work()
    return _session_cpu_s(database) - before


def _session_cpu_s(database: Database) -> float:
    pid = database.autocommit(lambda connection: connection.execute("SELECT pg_backend_pid()").fetchall(), _deadline())
    fields = Path(f"/proc/{pid[0][0]}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS_PER_S
