"""Lost responses to selections, draws and rerolls: a retry returns them, and nothing is done twice."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import grpc
import pytest
from challenge.v1 import challenge_service_pb2 as rpc
from challenge.v1.challenge_service_pb2_grpc import ChallengeServiceStub

from tests.catalogue.documents import goal, loaded
from tests.support.pool_catalogue import POOL, pool_document
from tests.support.proxy import TcpProxy, proxy_to
from tests.support.sample_catalogue import challenge
from tests.support.services import ManualClock, challenge_channel, rows
from tests.support.waiting import wait_until

PATIENCE_S = 60.0
SHORT_S = 0.7
GOALS = [f"goal-{number}" for number in range(12)]
DOCUMENT = pool_document(rerolls=9)
CATALOGUE = loaded(
    {**DOCUMENT, "challenges": [*DOCUMENT["challenges"], challenge("choice", *(goal(goal_id) for goal_id in GOALS))]}
)

Request = rpc.SelectGoalsRequest | rpc.SelectRandomGoalsRequest | rpc.RerollGoalRequest


@dataclass
class Caller:
    """A caller of a service that reaches its database through a proxy."""

    stub: ChallengeServiceStub
    proxy: TcpProxy
    released: threading.Event = field(default_factory=threading.Event)
    held: threading.Event = field(default_factory=threading.Event)

    def future(self, request: Request, timeout_s: float = PATIENCE_S) -> Any:
        """Begin a call."""
        method = type(request).__name__.removesuffix("Request")
        return getattr(self.stub, method).future(request, timeout=timeout_s)

    def hold(self, _: bytes) -> bool:
        """Wait, within the proxy, until the test lets go; a rule that applies then."""
        self.held.set()
        return self.released.wait(PATIENCE_S)

    def hold_commit(self, chunk: bytes) -> bool:
        """Hold COMMIT back, which then goes on its way; a rule that never applies."""
        if is_commit(chunk):
            self.hold(chunk)
        return False

    def fail(self, request: Request, timeout_s: float = PATIENCE_S) -> None:
        """Make a call that may fail."""
        with suppress(grpc.RpcError):
            self.future(request, timeout_s).result()

    def repeat(self, request: Request) -> Any:
        """Repeat the call until it has a response, and return that."""

        def attempt() -> Any:
            with suppress(grpc.RpcError):
                return self.future(request).result()
            return None

        return wait_until(attempt, PATIENCE_S)


def is_commit(chunk: bytes) -> bool:
    """Return True for the bytes that have the COMMIT of a change."""
    return b"commit\0" in chunk


def lose_connection_before_commit(caller: Caller, request: Request) -> None:
    caller.proxy.drop_reply(after=lambda chunk: b"lock_selection\0" in chunk)
    caller.fail(request)
    assert caller.proxy.dropped == 1


def lose_reply_to_commit(caller: Caller, request: Request) -> None:
    caller.proxy.drop_reply(after=is_commit)
    caller.fail(request)
    assert caller.proxy.dropped == 1


def run_out_of_time_before_commit(caller: Caller, request: Request) -> None:
    caller.proxy.drop_reply(after=caller.hold_commit)
    caller.fail(request, SHORT_S)
    assert caller.held.is_set()


def run_out_of_time_after_commit(caller: Caller, request: Request) -> None:
    caller.proxy.drop_reply(after=is_commit, reply=caller.hold)
    caller.fail(request, SHORT_S)
    assert caller.held.is_set()


def cancel_before_commit(caller: Caller, request: Request) -> None:
    caller.proxy.drop_reply(after=caller.hold_commit)
    call = caller.future(request)
    assert caller.held.wait(PATIENCE_S)
    call.cancel()


def cancel_after_commit(caller: Caller, request: Request) -> None:
    caller.proxy.drop_reply(after=is_commit, reply=caller.hold)
    call = caller.future(request)
    assert caller.held.wait(PATIENCE_S)
    call.cancel()


def lose_the_database(caller: Caller, request: Request) -> None:
    caller.proxy.refuse(True)
    caller.proxy.cut()
    caller.fail(request, SHORT_S)
    caller.proxy.refuse(False)


LOSSES = [
    lose_connection_before_commit,
    lose_reply_to_commit,
    run_out_of_time_before_commit,
    run_out_of_time_after_commit,
    cancel_before_commit,
    cancel_after_commit,
    lose_the_database,
]


@pytest.fixture
def caller(database_url: str) -> Iterator[Caller]:
    """Yield a caller of a service with one connection, on which all statements are prepared."""
    with (
        proxy_to(database_url) as (proxy, url),
        challenge_channel(url, CATALOGUE, clock=ManualClock(), pool_size=1) as channel,
    ):
        caller = Caller(ChallengeServiceStub(channel), proxy)
        for request in requests(caller, "prepares").values():
            caller.repeat(request)
        yield caller
        caller.released.set()


def requests(caller: Caller, user_id: str) -> dict[str, Request]:
    """Return a request of each method, of a player who has selected goals before."""
    caller.repeat(rpc.SelectGoalsRequest(user_id=user_id, challenge_id="choice", goal_ids=GOALS[:3]))
    pool = caller.stub.GetChallenge(rpc.GetChallengeRequest(user_id=user_id, challenge_id=POOL)).challenge
    common = {"user_id": user_id, "request_id": "one"}
    return {
        "SelectGoals": rpc.SelectGoalsRequest(challenge_id="choice", goal_ids=GOALS[2:5], replace=True, **common),
        "SelectRandomGoals": rpc.SelectRandomGoalsRequest(
            challenge_id="choice", count=3, replace=True, exclude_active=True, **{**common, "request_id": "two"}
        ),
        "RerollGoal": rpc.RerollGoalRequest(challenge_id=POOL, goal_id=pool.goals[0].goal_id, **common),
    }


@pytest.mark.parametrize("lose", LOSSES)
@pytest.mark.parametrize("method", ["SelectGoals", "SelectRandomGoals", "RerollGoal"])
def test_a_retry_after_a_lost_response_returns_it_and_changes_nothing_more(
    caller: Caller, database_url: str, method: str, lose: Callable[[Caller, Request], None]
) -> None:
    request = requests(caller, "player")[method]
    lose(caller, request)
    caller.released.set()
    response = caller.repeat(request)
    assert caller.repeat(request) == response

    active = {
        goal_id
        for (goal_id,) in rows(database_url, "SELECT goal_id FROM assignment WHERE user_id = 'player' AND active")
    }
    before = set(GOALS[:3])
    if method == "RerollGoal":
        assert (active, response.rerolls_left) == (before, 8)
        [(rerolls, goal_ids)] = rows(
            database_url, "SELECT rerolls, goal_ids FROM selection WHERE user_id = 'player' AND challenge_id = %s", POOL
        )
        assert rerolls == 1
        assert {shown.goal_id for shown in response.challenge.goals} == set(goal_ids)
        assert response.replacement_goal_id in goal_ids
    else:
        # Goals that were drawn or switched twice would leave others active, or be named otherwise.
        activated, deactivated = set(response.activated_goal_ids), set(response.deactivated_goal_ids)
        assert active == (before | activated) - deactivated
        assert (len(active), len(activated)) == (3, 2 if method == "SelectGoals" else 3)
        assert {shown.goal_id for shown in response.challenge.goals if shown.active} == active
