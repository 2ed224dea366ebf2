"""The stack's game misbehaves as it is told to, and still gives every reward once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import urllib3

from devstack.game.fault_plan import Action, FaultPlan, FaultPlanInvalid
from devstack.game.game import Gift, GrantLog
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
    assert opened.game.grant_log.given() == [GIFT]
    assert [attempt.number for attempt in opened.game.attempts()] == [DELIVERY.attempt] * 3


@pytest.mark.parametrize(
    "faults", [FaultPlan(no_responses=1), FaultPlan(garbled_responses=1), FaultPlan(delay_s=30)], ids=str
)
def test_a_reward_without_a_readable_response_is_given_once(
    opened: OpenGame, provider: Provider, faults: FaultPlan
) -> None:
    opened.game.faults = faults
    assert isinstance(provider.grant(DELIVERY), TryAgain)
    opened.game.faults = FaultPlan()
    assert provider.grant(DELIVERY) == Granted()
    assert opened.game.grant_log.given() == [GIFT]


def test_an_error_gives_nothing_and_may_ask_for_a_pause(opened: OpenGame, provider: Provider) -> None:
    opened.game.faults = FaultPlan(errors=1, retry_after_s=30)
    reply = provider.grant(DELIVERY)
    assert isinstance(reply, TryAgain)
    assert reply.retry_after == 30 * SECOND
    assert opened.game.grant_log.given() == []


@pytest.mark.parametrize("reason", RefusalReason)
def test_a_refusal_is_final(opened: OpenGame, provider: Provider, reason: RefusalReason) -> None:
    opened.game.faults = FaultPlan(refusals=1, reason=reason)
    assert provider.grant(DELIVERY) == Refused(reason)
    opened.game.faults = FaultPlan()
    assert provider.grant(DELIVERY) == Refused(reason)
    assert opened.game.grant_log.given() == []


def test_get_grant_returns_the_outcome(opened: OpenGame) -> None:
    with provider_to(opened, "grpc", TIMEOUT_S) as provider:
        assert provider.find(DELIVERY) is None
        opened.game.faults = FaultPlan(no_responses=1)
        provider.grant(DELIVERY)
        assert provider.find(DELIVERY) == Granted()


def test_the_grant_log_survives_a_restart_and_a_torn_line(tmp_path: Path) -> None:
    path = tmp_path / "game" / "grants"
    with closing(GrantLog(path)) as grant_log:
        grant_log.settle(GIFT, None)
    with path.open("a") as torn:
        torn.write('{"grant_id": "killed in the midd')
    with closing(GrantLog(path)) as grant_log:
        assert grant_log.given() == [GIFT]
        other = grant_log.settle(GIFT._replace(grant_id="other"), RefusalReason.LIMIT_REACHED)
    with closing(GrantLog(path)) as grant_log:
        assert grant_log.find("other") == other
        assert grant_log.given() == [GIFT]


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
    status, faults = call(opened, "PUT", "/faults", {"errors": 0.9, "reason": "LIMIT_REACHED"})
    assert (status, opened.game.faults) == (200, FaultPlan(errors=0.9, reason=RefusalReason.LIMIT_REACHED))
    assert call(opened, "GET", "/faults") == (200, faults)


@pytest.mark.parametrize(
    "faults",
    [{"errors": 2}, {"errors": 0.6, "no_responses": 0.6}, {"eros": 1}, {"errors": "many"}, {"reason": "?"}, [1]],
)
def test_an_invalid_fault_plan_changes_nothing(opened: OpenGame, faults: object) -> None:
    assert call(opened, "PUT", "/faults", faults)[0] == 400
    assert opened.game.faults == FaultPlan()


def test_a_call_with_a_wrong_signature_gives_nothing(opened: OpenGame) -> None:
    headers = {"Challenge-Timestamp": "1", "Challenge-Signature": "v1=00"}
    assert call(opened, "POST", "/grants", {}, **headers)[0] == 401
    assert opened.game.attempts() == []


def test_every_action_has_its_share() -> None:
    faults = FaultPlan(errors=0.1, no_responses=0.2, garbled_responses=0.3, refusals=0.25)
    actions = {
        0.05: Action.FAIL,
        0.2: Action.NO_RESPONSE,
        0.5: Action.GARBLED_RESPONSE,
        0.7: Action.REFUSE,
        0.9: Action.GIVE,
    }
    assert {chance: faults.action(chance) for chance in actions} == actions
    with pytest.raises(FaultPlanInvalid):
        FaultPlan(errors=float("nan"))
