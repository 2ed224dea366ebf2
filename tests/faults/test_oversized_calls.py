"""Calls that are too large are refused early, and the servers continue to serve."""

from __future__ import annotations

from collections.abc import Callable

import grpc
import pytest
from challenge.v1 import event_service_pb2 as rpc
from challenge.v1.challenge_service_pb2 import ListChallengesRequest

from tests.support.event_messages import login, stat
from tests.support.refusals import refusal
from tests.support.services import Game

MUCH = (("x-much", "x" * 20_000),)
MESSAGE_BYTES = 5 * 1024 * 1024

OVERSIZED: dict[str, Callable[[Game], object]] = {
    "a message of 5 MB": lambda running: running.report(login("x" * MESSAGE_BYTES)),
    "a list request of 5 MB": lambda running: running.challenges.ListChallenges(
        ListChallengesRequest(user_id="player", page_token="x" * MESSAGE_BYTES)
    ),
    "a batch of 5 MB on a stream": lambda running: list(
        running.events.StreamEvents(iter([rpc.StreamEventsRequest(events=[login("x" * MESSAGE_BYTES)])]))
    ),
    "metadata of 20 KB": lambda running: running.challenges.ListChallenges(
        ListChallengesRequest(user_id="player"), metadata=MUCH
    ),
    "metadata of 20 KB with an event": lambda running: running.events.ReportEvent(
        rpc.ReportEventRequest(event=login()), metadata=MUCH
    ),
    "metadata of 20 KB with a stream": lambda running: list(
        running.events.StreamEvents(iter([rpc.StreamEventsRequest(events=[login()])]), metadata=MUCH)
    ),
}


@pytest.mark.parametrize("what", OVERSIZED)
def test_an_oversized_call_is_refused_and_the_next_call_is_served(sample_game: Game, what: str) -> None:
    for _ in range(3):
        with pytest.raises(grpc.RpcError) as raised:
            OVERSIZED[what](sample_game)
        assert raised.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    sample_game.report(stat("wins", delta=2))
    assert sample_game.goal("warm-up").progress == 2


def test_more_than_a_thousand_events_are_refused(sample_game: Game) -> None:
    refused = refusal(lambda: sample_game.report(*[login() for _ in range(1_001)]))
    assert refused.code is grpc.StatusCode.INVALID_ARGUMENT
    assert refused.fields == {"events": "has 1,001 items, not 1 to 1,000"}
    assert not sample_game.rows("SELECT 1 FROM event_seen")
