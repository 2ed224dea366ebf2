"""Processes that pack completions are killed again and again: each completion is in one place, and others go on."""

from __future__ import annotations

import random
import subprocess
import sys

import pytest

from shared.domain.instant import DAY, SECOND, Instant
from shared.operations.player_sweep import OWNED_FOR
from tests.support.completion_retention import NOW
from tests.support.packing import completions_by_table
from tests.support.service_process import ServiceProcess
from tests.support.services import rows
from tests.support.waiting import wait_until

pytestmark = pytest.mark.slow

PLAYERS = 1_500
GOALS = 40
DEATHS = 20
LIFE_MAX_S = 0.8
COMPLETED = """
INSERT INTO completion (
    user_id, goal_id, period_start, occurrence, complete_time, claim_time, claim_number, challenge_id, points
)
SELECT
    'player ' || player, 'goal ' || goal, timestamptz 'epoch', 1, claimed, claimed, 1, 'arena', goal
FROM generate_series(1, %s) AS player, generate_series(1, %s) AS goal,
    LATERAL (SELECT to_timestamp(%s) + goal * interval '1 second' AS claimed) AS instant
RETURNING 1
"""
TWICE = "SELECT user_id FROM every_completion GROUP BY user_id, goal_id HAVING count(*) > 1 LIMIT 5"
SUM = "SELECT count(*), sum(hashtext(user_id || goal_id || claim_time || points)::bigint) FROM every_completion"


def live_and_die(url: str, number: int, now: Instant, draw: random.Random) -> None:
    """Let a process pack for a moment and kill it."""
    command = [sys.executable, "-m", "tests.faults.packing_steps", url, f"packer {number}", str(now)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(draw.random() * LIFE_MAX_S)
        process.kill()


def test_each_completion_is_in_one_place_however_often_the_packer_is_killed(database_url: str) -> None:
    draw, now = random.Random(5), NOW + 60 * DAY
    assert len(rows(database_url, COMPLETED, PLAYERS, GOALS, NOW // SECOND)) == PLAYERS * GOALS
    before = rows(database_url, SUM)
    packed = 0
    for number in range(DEATHS):
        live_and_die(database_url, number, now, draw)
        assert rows(database_url, TWICE) == []
        assert rows(database_url, SUM) == before
        assert completions_by_table(database_url)[1] >= packed
        packed = completions_by_table(database_url)[1]
        assert packed % GOALS == 0, "a player is packed by one transaction"
        now += OWNED_FOR + SECOND
    assert packed > 0
    # A service goes on: by its clock, the killed processes are gone for years.
    with ServiceProcess("event_handler", database_url, COMPLETION_PACK_D="7") as handler:
        handler.wait_until_serving()
        wait_until(lambda: completions_by_table(database_url) == (0, PLAYERS * GOALS), 120)
    assert rows(database_url, SUM) == before
