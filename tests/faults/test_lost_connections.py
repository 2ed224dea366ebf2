"""Connections to the database end at any moment, also between a COMMIT and its response."""

from __future__ import annotations

import random

import psycopg
import pytest
from challenge.v1.challenge_service_pb2 import ClaimRewardRequest

from tests.catalogue.documents import loaded
from tests.support.event_callers import calling
from tests.support.event_messages import stat
from tests.support.oracle import DOCUMENT, Oracle
from tests.support.proxy import proxy_to
from tests.support.refusals import refusal
from tests.support.round_trips import has_commit
from tests.support.sample_catalogue import sample_catalogue
from tests.support.services import ManualClock, challenge_service, event_service, game, rows
from tests.support.waiting import wait_until

TERMINATED = 30
TERMINATED_SLOW = 600
EVENTS_BETWEEN_MAX = 200
ERRORS_MAX = 0.01
"""Share of calls that may fail while backends are terminated: the work is repeated on another connection."""

DROPPED = 20
DROPPED_SLOW = 200


@pytest.mark.parametrize("terminated", [TERMINATED, pytest.param(TERMINATED_SLOW, marks=pytest.mark.slow)])
def test_terminated_backends_lose_no_event_and_fail_few_calls(database_url: str, terminated: int) -> None:
    clock, chance = ManualClock(), random.Random(terminated)
    oracle = Oracle(clock.now, seed=terminated)
    with (
        psycopg.connect(database_url, autocommit=True) as operator,
        event_service(database_url, loaded(DOCUMENT), clock=clock) as stub,
        calling(oracle, [stub]),
    ):
        for _ in range(terminated):
            oracle.wait_for_acknowledged(chance.randint(1, EVENTS_BETWEEN_MAX))
            operator.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
                " AND pid <> pg_backend_pid() ORDER BY state = 'active' DESC, random() LIMIT 1"
            )
    with challenge_service(database_url, loaded(DOCUMENT), clock=clock) as reader:
        judgement = oracle.judge(reader)
    print(f"\n{terminated} backends terminated: {judgement}")  # noqa: T201
    judgement.assert_right()
    assert judgement.failed_calls <= ERRORS_MAX * judgement.calls


@pytest.mark.parametrize("dropped", [DROPPED, pytest.param(DROPPED_SLOW, marks=pytest.mark.slow)])
def test_events_count_once_although_the_reply_to_commit_is_lost(database_url: str, dropped: int) -> None:
    clock = ManualClock()
    oracle = Oracle(clock.now, seed=dropped)
    with (
        proxy_to(database_url) as (proxy, url_through_proxy),
        event_service(url_through_proxy, loaded(DOCUMENT), clock=clock) as stub,
        calling(oracle, [stub]),
    ):
        for count in range(dropped):
            proxy.drop_reply(after=has_commit)
            wait_until(lambda count=count: proxy.dropped > count)  # type: ignore[misc]
            oracle.wait_for_acknowledged(1)
    with challenge_service(database_url, loaded(DOCUMENT), clock=clock) as reader:
        judgement = oracle.judge(reader)
    print(f"\n{dropped} replies to COMMIT dropped: {judgement}")  # noqa: T201
    judgement.assert_right()
    assert judgement.failed_calls <= ERRORS_MAX * judgement.calls


def test_a_claim_returns_its_grant_although_the_reply_to_commit_is_lost(database_url: str) -> None:
    catalogue = sample_catalogue()
    players = [f"player-{number}" for number in range(DROPPED)]
    with game(database_url, catalogue) as running:
        running.report(*[stat("wins", who, delta=3) for who in players])
    with (
        proxy_to(database_url) as (proxy, url_through_proxy),
        challenge_service(url_through_proxy, catalogue, clock=ManualClock()) as stub,
    ):
        for count, who in enumerate(players, 1):
            proxy.drop_reply(after=has_commit)
            request = ClaimRewardRequest(user_id=who, challenge_id="arena", goal_id="warm-up")
            claim = stub.ClaimReward(request).claim
            assert proxy.dropped == count
            stored = "SELECT grant_id::text FROM reward_outbox WHERE user_id = %s"
            assert rows(database_url, stored, who) == [(claim.grant_id,)]
            assert refusal(lambda request=request: stub.ClaimReward(request)).reason == "ALREADY_CLAIMED"  # type: ignore[misc]
