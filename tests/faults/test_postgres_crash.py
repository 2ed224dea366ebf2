"""Postgres stops in the middle of flushes and comes back."""

from __future__ import annotations

import os
import time

import pytest

from devstack.postgres import EmbeddedPostgres
from tests.catalogue.documents import loaded
from tests.support.busy_machine import BUSY_MACHINE_S
from tests.support.event_callers import STREAM_CALLERS, UNARY_CALLERS, calling
from tests.support.oracle import DOCUMENT, Oracle
from tests.support.services import ManualClock, challenge_service, event_service

CRASHES = 1
CRASHES_SLOW = int(os.environ.get("FAULT_CRASHES", "3"))
AWAY_S = 0.0
AWAY_SLOW_S = 10.0
TIMEOUT_S = 1.0
"""Half of the time that a call waits for an absent database, so that failing calls fail sooner."""
EVENTS_BETWEEN = 500
SERVING_AGAIN_S = 2.0
CALLERS = UNARY_CALLERS + STREAM_CALLERS


@pytest.mark.parametrize(
    ("crashes", "away_s"), [(CRASHES, AWAY_S), pytest.param(CRASHES_SLOW, AWAY_SLOW_S, marks=pytest.mark.slow)]
)
def test_no_event_is_lost_counted_twice_or_acknowledged_during_a_crash(
    migrated_postgres: EmbeddedPostgres, crashes: int, away_s: float
) -> None:
    clock = ManualClock()
    oracle = Oracle(clock.now, seed=crashes)
    serving_again_s = []
    with (
        event_service(migrated_postgres.url, loaded(DOCUMENT), clock=clock) as stub,
        calling(oracle, [stub], TIMEOUT_S),
    ):
        for _ in range(crashes):
            oracle.wait_for_acknowledged(EVENTS_BETWEEN)
            migrated_postgres.kill()
            back = time.monotonic() + away_s
            # Until every caller has failed once, responses to earlier commits may still arrive.
            oracle.wait_for_failed_calls(2 * CALLERS)
            acknowledged = oracle.acknowledged
            oracle.wait_for_failed_calls(1)
            while time.monotonic() < back:
                oracle.wait_for_failed_calls(1)
            assert oracle.acknowledged == acknowledged
            migrated_postgres.start()
            started = time.monotonic()
            oracle.wait_for_acknowledged(1)
            serving_again_s.append(time.monotonic() - started)
        oracle.wait_for_acknowledged(EVENTS_BETWEEN)
    with challenge_service(migrated_postgres.url, loaded(DOCUMENT), clock=clock) as reader:
        judgement = oracle.judge(reader)
    print(f"\n{crashes} crashes: {judgement}; serving again after {max(serving_again_s):.1f} s at most")  # noqa: T201
    judgement.assert_right()
    assert max(serving_again_s) < SERVING_AGAIN_S + BUSY_MACHINE_S
