"""Processes are killed again and again while they rank players, and every place is right."""

from __future__ import annotations

import random
import subprocess
import sys

import pytest

from shared.domain.events import Event
from shared.domain.instant import DAY, HOUR, Instant
from shared.domain.leaderboard import LeaderboardMeasure
from shared.domain.schedules import DAILY
from shared.operations.catalogue.catalogue_record import record_catalogue
from shared.operations.leaderboards.period_finish import FINAL_MARGIN, PeriodFinish
from shared.operations.leaderboards.ranking_refresh import OWNED_FOR, RankingRefresh
from shared.postgres.connection import Connection
from shared.postgres.database import Database
from shared.runtime.telemetry import Telemetry
from tests.support.databases import connected, flushed, opened, soon
from tests.support.leaderboards import board, catalogue_with
from tests.support.services import NOW, ManualClock
from tests.support.stored_rankings import assert_counted, assert_ranked
from tests.support.strategies import KILLS

pytestmark = pytest.mark.slow

HORIZON = 72 * HOUR
OVER = NOW // DAY * DAY + DAY + HORIZON + FINAL_MARGIN
CATALOGUE = catalogue_with(
    board("sum", LeaderboardMeasure.SUM, KILLS), board("daily", LeaderboardMeasure.SUM, KILLS, DAILY)
)
PLAYERS = [f"player {number}" for number in range(1_500)]
DEATHS = 25
LIFE_MAX_S = 0.4
SORTED = (
    "SELECT row_number() OVER (ORDER BY sum DESC, sum_time, user_id), rank() OVER (ORDER BY sum DESC), user_id, sum"
    " FROM tally WHERE schedule <> 'lifetime' ORDER BY 1"
)
FINAL = "SELECT place, shared_rank, user_id, score FROM leaderboard_final ORDER BY place"


def play(database: Database, draw: random.Random) -> None:
    drawn = draw.sample(PLAYERS, 400)
    flushed(
        database, CATALOGUE, [Event(f"{draw.random()}", each, NOW, KILLS, delta=draw.randint(1, 9)) for each in drawn]
    )


def live_and_die(url: str, duty: str, number: int, now: Instant, draw: random.Random) -> None:
    """Let a process work for a moment and kill it."""
    command = [
        sys.executable,
        "-m",
        "tests.faults.ranking_steps",
        url,
        f"{duty} {number}",
        duty,
        str(now),
        str(HORIZON),
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(draw.random() * LIFE_MAX_S)
        process.kill()


def test_rankings_are_exact_although_processes_are_killed(database_url: str) -> None:
    draw, now = random.Random(7), NOW
    with opened(database_url, pool_size=2) as database, connected(database_url) as connection:
        record_catalogue(database, CATALOGUE, NOW, soon())
        for _ in range(8):
            play(database, draw)
        for number in range(DEATHS):
            now += OWNED_FOR + 1
            live_and_die(database_url, "refresh ranking", number, now, draw)
            assert_counted(connection)
            play(database, draw)
        clock = ManualClock(now + HOUR)
        while RankingRefresh(database, clock, Telemetry(), "the last").one_pass():
            clock.now += HOUR
        assert_ranked(connection)
        now, placed = OVER, 0
        for number in range(DEATHS):
            now += OWNED_FOR + 1
            live_and_die(database_url, "finish period", number, now, draw)
            rows = places(connection)
            assert rows == list(range(1, len(rows) + 1))
            assert len(rows) >= placed
            placed = len(rows)
        now += HOUR
        PeriodFinish(database, "the last", lambda: now).one_pass(HORIZON, now)
        assert connection.execute(FINAL).fetchall() == connection.execute(SORTED).fetchall()


def places(connection: Connection) -> list[int]:
    return [place for place, *_ in connection.execute(FINAL).fetchall()]
