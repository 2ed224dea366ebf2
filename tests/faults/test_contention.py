"""Many writers for the same players, and many events of one player."""

from __future__ import annotations

import random
import time
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

import grpc
import pytest
from challenge.v1 import event_service_pb2 as rpc
from challenge.v1.challenge_service_pb2 import ClaimRewardRequest, SetGoalActiveRequest

from tests.catalogue.documents import loaded
from tests.support.busy_machine import BUSY_FACTOR
from tests.support.event_messages import login, stat
from tests.support.refusals import refusal_of
from tests.support.sample_catalogue import assigned, challenge, sample_catalogue
from tests.support.services import NOW, ManualClock, challenge_service, event_service, rows
from tests.support.waiting import wait_until

pytestmark = pytest.mark.usefixtures("patient_pool")

WRITERS = 8
PLAYERS = 100
ROUNDS = 3
ROUNDS_SLOW = 50

HOT_EVENTS = 1_000
HOT_EVENTS_SLOW = 10_000
HOT_CALLERS = 8
HOT_P99_S = 0.1
HOT_UPDATES_MIN = 0.9


@pytest.mark.parametrize("rounds", [ROUNDS, pytest.param(ROUNDS_SLOW, marks=pytest.mark.slow)])
def test_concurrent_writers_claims_and_activations_of_the_same_players_never_return_a_deadlock(
    database_url: str, rounds: int
) -> None:
    catalogue, clock = sample_catalogue(), ManualClock()
    chance = random.Random(20)
    players = [f"player-{number}" for number in range(PLAYERS)]
    refused = set[str]()

    def batch(number: int) -> rpc.ReportEventsRequest:
        events = [
            event
            for who in players
            for event in (
                stat("wins", who, delta=1, event_id=f"wins {number}"),
                stat("chests", who, delta=1, event_id=f"chests {number}"),
                login(who, event_id=f"login {number}", at=NOW),
            )
        ]
        return rpc.ReportEventsRequest(events=chance.sample(events, len(events)))

    with ExitStack() as running, ThreadPoolExecutor(2 * WRITERS) as callers:
        handlers = [running.enter_context(event_service(database_url, catalogue, clock=clock)) for _ in range(WRITERS)]
        challenges = running.enter_context(challenge_service(database_url, catalogue, clock=clock))

        def claim(who: str) -> None:
            try:
                challenges.ClaimReward(ClaimRewardRequest(user_id=who, challenge_id="arena", goal_id="warm-up"))
            except grpc.RpcError as error:
                refused.add(refusal_of(error).reason)

        def switch(who: str) -> None:
            for active in (True, False):
                challenges.SetGoalActive(
                    SetGoalActiveRequest(user_id=who, challenge_id="island", goal_id="chests", active=active)
                )

        calls: list[Future[Any]] = []
        for number in range(rounds):
            # Every second batch is a copy of another writer's, and both insert the same ledger rows.
            calls += [
                callers.submit(handler.ReportEvents, batch((number * WRITERS + writer) // 2))
                for writer, handler in enumerate(handlers)
            ]
            calls += [callers.submit(claim, who) for who in chance.sample(players, 20)]
            calls += [callers.submit(switch, who) for who in chance.sample(players, 20)]
        for call in calls:
            call.result()
    assert refused <= {"GOAL_NOT_COMPLETED", "ALREADY_CLAIMED"}
    distinct = rounds * WRITERS // 2
    [(applied,)] = rows(database_url, "SELECT sum(events)::bigint FROM tally WHERE schedule = 'lifetime'")
    sent = rounds * WRITERS * 3 * PLAYERS
    print(  # noqa: T201
        f"\n{WRITERS} writers: {sent} events sent and acknowledged, {applied} applied, {sent - applied} duplicates, "
        f"{distinct * 3 * PLAYERS - applied} lost; no deadlock surfaced"
    )
    assert rows(
        database_url,
        "SELECT DISTINCT stat_code, events FROM tally WHERE schedule = 'lifetime' AND events > 0 ORDER BY 1",
    ) == [
        ("", distinct),
        ("chests", distinct),
        ("wins", distinct),
    ]


@pytest.mark.parametrize("events", [HOT_EVENTS, pytest.param(HOT_EVENTS_SLOW, marks=pytest.mark.slow)])
def test_one_hot_player_is_counted_exactly_quickly_and_in_place(
    database_url: str, events: int, pytestconfig: pytest.Config
) -> None:
    catalogue = loaded({"challenges": [challenge("arena", assigned("win", target=10**9))]})
    with event_service(database_url, catalogue, clock=ManualClock()) as stub:

        def report(_: int) -> float:
            started = time.monotonic()
            result = stub.ReportEvent(rpc.ReportEventRequest(event=stat("wins", delta=3))).result
            assert result.verdict == rpc.VERDICT_APPLIED
            return time.monotonic() - started

        with ThreadPoolExecutor(HOT_CALLERS) as callers:
            took_s = sorted(callers.map(report, range(events)))
    assert rows(database_url, "SELECT events, sum FROM tally WHERE schedule = 'lifetime'") == [(events, 3 * events)]

    # A session publishes its counters when it ends.
    on_citus = bool(pytestconfig.getoption("--citus"))
    wait_until(lambda: any(updates_of_tallies(database_url, on_citus=on_citus)))
    updates, hot_updates = updates_of_tallies(database_url, on_citus=on_citus)
    p99_s = took_s[int(len(took_s) * 0.99)]
    print(f"\n{events} events of one player: p99 {1_000 * p99_s:.0f} ms, {hot_updates} of {updates} updates HOT")  # noqa: T201
    assert hot_updates >= HOT_UPDATES_MIN * updates
    assert p99_s < HOT_P99_S * BUSY_FACTOR


UPDATES = "SELECT pg_stat_get_tuples_updated({0}), pg_stat_get_tuples_hot_updated({0})"


def updates_of_tallies(url: str, *, on_citus: bool) -> tuple[int, int]:
    """Return the numbers of all updates of tallies and of those in place."""
    if not on_citus:
        found = rows(url, UPDATES.format("'tally'::regclass"))
    else:
        of_shard = UPDATES.replace("SELECT ", "SELECT concat_ws(' ', ").format("'%s'::regclass") + ")"
        results = rows(url, "SELECT result FROM run_command_on_shards('tally', %s)", of_shard)
        found = [tuple(map(int, result.split())) for (result,) in results]
    updates, hot_updates = (sum(column) for column in zip(*found, strict=True))
    return updates, hot_updates
