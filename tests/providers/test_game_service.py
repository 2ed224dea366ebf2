"""Delivery to the game's gRPC service, against a real server."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest
from challenge.reward.v1 import reward_provider_pb2 as rpc
from challenge.reward.v1.reward_provider_pb2_grpc import (
    RewardProviderServiceServicer,
    add_RewardProviderServiceServicer_to_server,
)
from google.protobuf.any_pb2 import Any
from google.protobuf.duration_pb2 import Duration
from google.rpc.error_details_pb2 import RetryInfo  # type: ignore[import-untyped]
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]
from grpc_status import rpc_status

from shared.domain.claims import RefusalReason
from shared.domain.grants import RETRY_AFTER_MAX, Granted, Refused, TryAgain
from shared.domain.instant import SECOND
from shared.providers.game_service import REFUSAL_REASONS, GameServiceProvider
from tests.providers.deliveries import DELIVERY
from tests.support.busy_machine import LATE_S
from tests.support.event_messages import timestamp
from tests.support.services import NOW
from tests.support.unstalled_clock import unstalled_s

TIMEOUT_S = 10.0
IMPATIENT_S = 0.5
GRANTED = rpc.Granted()


class Game(RewardProviderServiceServicer):
    """A game service with configurable responses. `GetGrant` is unimplemented until `found` is set."""

    def __init__(self) -> None:
        self.received: list[rpc.GrantRequest] = []
        self.reply: Callable[[grpc.ServicerContext], rpc.GrantResponse] = lambda _: rpc.GrantResponse(granted=GRANTED)
        self.found: rpc.GetGrantResponse | None = None

    def Grant(self, request: rpc.GrantRequest, context: grpc.ServicerContext) -> rpc.GrantResponse:  # noqa: N802
        self.received.append(request)
        return self.reply(context)

    def GetGrant(  # noqa: N802
        self, request: rpc.GetGrantRequest, context: grpc.ServicerContext
    ) -> rpc.GetGrantResponse:
        if self.found is None:
            context.abort(grpc.StatusCode.UNIMPLEMENTED, "not here")
        assert request.grant_id == DELIVERY.grant_id
        return self.found


@pytest.fixture
def game() -> Game:
    return Game()


@pytest.fixture
def target(game: Game) -> Iterator[str]:
    """Start the game service and yield its address."""
    with ThreadPoolExecutor(4) as pool:
        server = grpc.server(pool)
        add_RewardProviderServiceServicer_to_server(game, server)
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        yield f"127.0.0.1:{port}"
        server.stop(None).wait()


@pytest.fixture
def provider(target: str) -> Iterator[GameServiceProvider]:
    connected = GameServiceProvider(target, timeout_s=TIMEOUT_S)
    yield connected
    connected.close()


def test_a_grant_request_has_all_fields_and_the_idempotency_key(game: Game, provider: GameServiceProvider) -> None:
    assert provider.grant(DELIVERY) == Granted()
    assert game.received == [
        rpc.GrantRequest(
            grant_id=DELIVERY.grant_id,
            user_id=DELIVERY.key.user_id,
            goal_id="win-3",
            reward=rpc.Reward(type=rpc.REWARD_TYPE_WALLET, reward_id="GEMS", quantity=10),
            claim_time=timestamp(NOW),
            attempt=3,
        )
    ]


def test_a_proxy_for_the_web_does_not_get_the_grants(game: Game, target: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "grpc_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    for name in ("no_proxy", "NO_PROXY", "no_grpc_proxy"):
        monkeypatch.delenv(name, raising=False)
    connected = GameServiceProvider(target, timeout_s=TIMEOUT_S)
    assert connected.grant(DELIVERY) == Granted()
    assert len(game.received) == 1
    connected.close()


@pytest.mark.parametrize("reason", REFUSAL_REASONS)
def test_refusal_reasons_are_mapped(
    game: Game, provider: GameServiceProvider, reason: rpc.RefusalReason.ValueType
) -> None:
    game.reply = lambda _: rpc.GrantResponse(refusal=rpc.Refusal(reason=reason))
    assert provider.grant(DELIVERY) == Refused(REFUSAL_REASONS[reason])


def test_every_refusal_reason_exists_in_the_contract() -> None:
    assert set(REFUSAL_REASONS.values()) == set(RefusalReason)
    assert len(rpc.RefusalReason.keys()) == len(RefusalReason) + 1


@pytest.mark.parametrize("reply", [rpc.GrantResponse(), rpc.GrantResponse(refusal=rpc.Refusal())])
def test_a_response_without_outcome_is_retried(
    game: Game, provider: GameServiceProvider, reply: rpc.GrantResponse
) -> None:
    game.reply = lambda _: reply
    assert isinstance(provider.grant(DELIVERY), TryAgain)


@pytest.mark.parametrize("code", [code for code in grpc.StatusCode if code is not grpc.StatusCode.OK])
def test_every_error_status_is_retried(game: Game, provider: GameServiceProvider, code: grpc.StatusCode) -> None:
    def fail(context: grpc.ServicerContext) -> rpc.GrantResponse:
        context.abort(code, "out of gems")

    game.reply = fail
    assert provider.grant(DELIVERY) == TryAgain(f"{code.name}: out of gems")
    assert len(game.received) == 1


@pytest.mark.parametrize(
    ("asked", "honoured"),
    [
        (Duration(seconds=30, nanos=5_000), 30 * SECOND + 5),
        (Duration(seconds=-30), 0),
        (Duration(seconds=315_576_000_000), RETRY_AFTER_MAX),
    ],
    ids=["half a minute", "negative", "10,000 years"],
)
def test_retry_info_is_honoured_within_bounds(
    game: Game, provider: GameServiceProvider, asked: Duration, honoured: int
) -> None:
    packed = Any()
    packed.Pack(RetryInfo(retry_delay=asked))
    code: int = grpc.StatusCode.RESOURCE_EXHAUSTED.value[0]
    status = rpc_status.to_status(Status(code=code, message="busy", details=[packed]))

    def fail(context: grpc.ServicerContext) -> rpc.GrantResponse:
        context.abort_with_status(status)

    game.reply = fail
    assert provider.grant(DELIVERY) == TryAgain("RESOURCE_EXHAUSTED: busy", honoured)


def test_a_slow_or_unreachable_game_is_retried(game: Game, target: str) -> None:
    let_go = threading.Event()

    def hang(_: grpc.ServicerContext) -> rpc.GrantResponse:
        let_go.wait(20 * IMPATIENT_S)
        return rpc.GrantResponse(granted=GRANTED)

    game.reply = hang
    impatient = GameServiceProvider(target, timeout_s=IMPATIENT_S)
    started = unstalled_s()
    assert isinstance(impatient.grant(DELIVERY), TryAgain)
    assert unstalled_s() - started < IMPATIENT_S + LATE_S
    let_go.set()
    impatient.close()
    nowhere = GameServiceProvider("127.0.0.1:1", timeout_s=TIMEOUT_S)
    assert isinstance(nowhere.grant(DELIVERY), TryAgain)
    nowhere.close()


def test_find_returns_the_outcome_the_game_knows(game: Game, provider: GameServiceProvider) -> None:
    assert provider.find(DELIVERY) is None
    game.found = rpc.GetGrantResponse()
    assert provider.find(DELIVERY) is None
    game.found = rpc.GetGrantResponse(granted=GRANTED)
    assert provider.find(DELIVERY) == Granted()
    game.found = rpc.GetGrantResponse(refusal=rpc.Refusal(reason=rpc.REFUSAL_REASON_LIMIT_REACHED))
    assert provider.find(DELIVERY) == Refused(RefusalReason.LIMIT_REACHED)


@pytest.mark.parametrize("variable", ["http_proxy", "grpc_proxy", "https_proxy"])
def test_proxies_in_the_environment_are_ignored(
    game: Game, target: str, variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, "http://127.0.0.1:1")
    provider = GameServiceProvider(target, timeout_s=TIMEOUT_S)
    assert provider.grant(DELIVERY) == Granted()
    provider.close()
    assert len(game.received) == 1
