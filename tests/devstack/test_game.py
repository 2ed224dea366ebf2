"""The stack's game misbehaves as it is told to, and still gives every reward once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import urllib3

from devstack.game.game import Books, Gift
from devstack.game.mood import Action, Mood, MoodInvalid
from shared.domain.claims import RefusalReason
from shared.domain.grants import Granted, Provider, Refused, TryAgain
from shared.domain.instant import SECOND
from tests.providers.deliveries import DELIVERY
from tests.support.game_servers import OpenGame, open_game, provider_to

TIMEOUT_S = 1.0


@pytest.fixture
def opened() -> Iterator[OpenGame]:
    with open_game() as game:
        yield game


@pytest.fixture(params=["grpc", "webhook"])
def provider(request: pytest.FixtureRequest, opened: OpenGame) -> Iterator[Provider]:
    with provider_to(opened, request.param, TIMEOUT_S) as connected:
        yield connected


GIFT = Gift(DELIVERY.grant_id, DELIVERY.key.user_id, DELIVERY.key.goal_id, "WALLET", "GEMS", 10)


def test_a_reward_is_given_once_however_often_it_is_sent(opened: OpenGame, provider: Provider) -> None:
    for _ in range(3):
        assert provider.grant(DELIVERY) == Granted()
    assert opened.game.books.given() == [GIFT]
    assert [attempt.number for attempt in opened.game.attempts()] == [DELIVERY.attempt] * 3


@pytest.mark.parametrize("mood", [Mood(silence=1), Mood(nonsense=1), Mood(delay_s=30)], ids=str)
def test_a_reward_without_a_readable_response_is_given_once(opened: OpenGame, provider: Provider, mood: Mood) -> None:
    opened.game.mood = mood
    assert isinstance(provider.grant(DELIVERY), TryAgain)
    opened.game.mood = Mood()
    assert provider.grant(DELIVERY) == Granted()
    assert opened.game.books.given() == [GIFT]


def test_an_error_gives_nothing_and_may_ask_for_a_pause(opened: OpenGame, provider: Provider) -> None:
    opened.game.mood = Mood(errors=1, retry_after_s=30)
    reply = provider.grant(DELIVERY)
    assert isinstance(reply, TryAgain)
    assert reply.retry_after == 30 * SECOND
    assert opened.game.books.given() == []


@pytest.mark.parametrize("reason", RefusalReason)
def test_a_refusal_is_final(opened: OpenGame, provider: Provider, reason: RefusalReason) -> None:
    opened.game.mood = Mood(refusals=1, reason=reason)
    assert provider.grant(DELIVERY) == Refused(reason)
    opened.game.mood = Mood()
    assert provider.grant(DELIVERY) == Refused(reason)
    assert opened.game.books.given() == []


def test_get_grant_returns_the_outcome(opened: OpenGame) -> None:
    with provider_to(opened, "grpc", TIMEOUT_S) as provider:
        assert provider.find(DELIVERY) is None
        opened.game.mood = Mood(silence=1)
        provider.grant(DELIVERY)
        assert provider.find(DELIVERY) == Granted()


def test_books_survive_a_restart_and_a_torn_line(tmp_path: Path) -> None:
    path = tmp_path / "books" / "ledger"
    with closing(Books(path)) as books:
        books.settle(GIFT, None)
    with path.open("a") as torn:
        torn.write('{"grant_id": "killed in the midd')
    with closing(Books(path)) as books:
        assert books.given() == [GIFT]
        other = books.settle(GIFT._replace(grant_id="other"), RefusalReason.LIMIT_REACHED)
    with closing(Books(path)) as books:
        assert books.find("other") == other
        assert books.given() == [GIFT]


def call(opened: OpenGame, method: str, path: str, body: object = None, **headers: str) -> tuple[int, Any]:
    """Return the status and body of an HTTP response."""
    content = None if body is None else json.dumps(body).encode()
    response = urllib3.request(method, opened.http_url + path, body=content, headers=headers)
    return response.status, json.loads(response.data)


def test_the_ledger_can_be_read_and_the_mood_changed(opened: OpenGame) -> None:
    with provider_to(opened, "grpc", TIMEOUT_S) as provider:
        provider.grant(DELIVERY)
    assert call(opened, "GET", "/ledger") == (200, {"given": [GIFT._asdict()], "attempts": 1})
    assert call(opened, "GET", "/ledger?user_id=nobody")[1]["given"] == []
    status, mood = call(opened, "PUT", "/mood", {"errors": 0.9, "reason": "LIMIT_REACHED"})
    assert (status, opened.game.mood) == (200, Mood(errors=0.9, reason=RefusalReason.LIMIT_REACHED))
    assert call(opened, "GET", "/mood") == (200, mood)


@pytest.mark.parametrize(
    "mood", [{"errors": 2}, {"errors": 0.6, "silence": 0.6}, {"eros": 1}, {"errors": "many"}, {"reason": "?"}, [1]]
)
def test_an_invalid_mood_changes_nothing(opened: OpenGame, mood: object) -> None:
    assert call(opened, "PUT", "/mood", mood)[0] == 400
    assert opened.game.mood == Mood()


def test_a_call_with_a_wrong_signature_gives_nothing(opened: OpenGame) -> None:
    headers = {"Challenge-Timestamp": "1", "Challenge-Signature": "v1=00"}
    assert call(opened, "POST", "/grants", {}, **headers)[0] == 401
    assert opened.game.attempts() == []


def test_every_action_has_its_share() -> None:
    mood = Mood(errors=0.1, silence=0.2, nonsense=0.3, refusals=0.25)
    draws = {
        0.05: Action.FAIL,
        0.2: Action.KEEP_SILENT,
        0.5: Action.TALK_NONSENSE,
        0.7: Action.REFUSE,
        0.9: Action.GIVE,
    }
    assert {draw: mood.action(draw) for draw in draws} == draws
    with pytest.raises(MoodInvalid):
        Mood(errors=float("nan"))
