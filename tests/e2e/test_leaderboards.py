"""Leaderboards of both services as processes: without Redis, with Redis, and after Redis is lost."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager

import grpc
import pytest
from challenge.v1 import event_service_pb2 as event_rpc
from challenge.v1 import leaderboard_service_pb2 as rpc
from challenge.v1.leaderboard_service_pb2_grpc import LeaderboardServiceStub

from devstack.valkey import EmbeddedValkey
from shared.operations.leaderboards.ranking_refresh import POLL_INTERVAL_S
from tests.runtime.processes import metrics_at, samples
from tests.support.event_messages import stat
from tests.support.service_process import ServiceProcess, serving
from tests.support.waiting import wait_until

SCORES = {"ana": 500, "ben": 900, "cleo": 900, "dora": -7}
RANKED = [("ben", 1, 900), ("cleo", 1, 900), ("ana", 3, 500), ("dora", 4, -7)]
RANKED_S = 10 * POLL_INTERVAL_S + 20
"""Longer than the time until a few changes are ranked in Postgres."""


@contextmanager
def running(database_url: str, redis_url: str) -> Iterator[tuple[ServiceProcess, ServiceProcess]]:
    """Start the challenge service and the event handler with the demo catalogue."""
    with ExitStack() as stack:
        challenges = stack.enter_context(serving("challenge_service", database_url, REDIS_URL=redis_url))
        yield challenges, stack.enter_context(serving("event_handler", database_url, REDIS_URL=redis_url))


def report(events: ServiceProcess) -> None:
    """Report a score of every player, one after the other."""
    now = time.time_ns() // 1_000
    scores = [stat("match_score", user_id, value=score, at=now) for user_id, score in SCORES.items()]
    assert events.events.ReportEvents(event_rpc.ReportEventsRequest(events=scores)).results


def board(challenges: ServiceProcess) -> rpc.ListLeaderboardResponse | None:
    """Return the leaderboard, or None if there is no ranking yet."""
    stub = LeaderboardServiceStub(challenges.channel)
    try:
        return stub.ListLeaderboard(rpc.ListLeaderboardRequest(leaderboard_id="high-scores"))
    except grpc.RpcError as error:
        if error.code() is not grpc.StatusCode.UNAVAILABLE:
            raise
        return None


def is_ranked(challenges: ServiceProcess) -> bool:
    """Return True if the leaderboard is returned with every player on it."""
    reply = board(challenges)
    return reply is not None and [(each.user_id, each.rank, each.score) for each in reply.entries] == RANKED


def is_ranked_by(challenges: ServiceProcess, outcome: str) -> bool:
    """Return True if the leaderboard is complete, and read from Redis (`hit`), or without it (`miss`)."""

    def outcomes() -> float:
        return reads_of(challenges).get(f'{{cache="leaderboards",outcome="{outcome}"}}', 0.0)

    before = outcomes()
    return is_ranked(challenges) and outcomes() > before


def reads_of(challenges: ServiceProcess) -> Mapping[str, float]:
    """Return the number of reads of a ranking, by labels."""
    return samples(metrics_at(challenges.wait_for("started")["metrics_port"]), "cache_reads_total")


@pytest.mark.slow
def test_without_redis_scores_are_ranked_after_a_refresh_and_both_services_stop_in_order(database_url: str) -> None:
    with running(database_url, "") as (challenges, events):
        report(events)
        wait_until(lambda: is_ranked(challenges), RANKED_S)
        assert challenges.health("challenge.v1.LeaderboardService") == "SERVING"
        assert [challenges.stop(), events.stop()] == [0, 0]


@pytest.mark.slow
def test_with_redis_scores_are_ranked_at_once_and_still_served_when_redis_is_gone(
    database_url: str, own_valkey: EmbeddedValkey
) -> None:
    with running(database_url, own_valkey.url) as (challenges, events):
        report(events)
        wait_until(lambda: is_ranked_by(challenges, "hit"), RANKED_S)
        own_valkey.kill()
        wait_until(lambda: is_ranked_by(challenges, "miss"), RANKED_S)
        assert challenges.health() == "SERVING"
        own_valkey.start()
        wait_until(lambda: is_ranked_by(challenges, "hit"), RANKED_S)
