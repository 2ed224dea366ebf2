"""Delivery to the game's gRPC service over TLS and mutual TLS, with certificates that change under way."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import grpc
import pytest
from challenge.reward.v1.reward_provider_pb2_grpc import add_RewardProviderServiceServicer_to_server

from shared.domain.grants import Granted, Reply, TryAgain
from shared.providers.game_service import GameServiceProvider
from shared.runtime.file_watch import FileWatch
from shared.runtime.tls_material import TlsMaterial
from shared.runtime.tls_settings import open_files
from tests.providers.deliveries import DELIVERY
from tests.providers.test_game_service import Game
from tests.support.certificates import Authority, Files


@contextmanager
def game_with(server_files: Files, accepted: bytes | None) -> Iterator[str]:
    """Run a game that speaks TLS, and with `accepted` authorities asks for a certificate; yield its address."""
    pair = (server_files.private_key.read_bytes(), server_files.certificate.read_bytes())
    credentials = grpc.ssl_server_credentials([pair], accepted, require_client_auth=accepted is not None)
    with ThreadPoolExecutor(4) as pool:
        server = grpc.server(pool)
        add_RewardProviderServiceServicer_to_server(Game(), server)
        port = server.add_secure_port("127.0.0.1:0", credentials)
        server.start()
        yield f"127.0.0.1:{port}"
        server.stop(None).wait()


@contextmanager
def provider_to(target: str, tls: FileWatch[TlsMaterial] | None) -> Iterator[GameServiceProvider]:
    provider = GameServiceProvider(target, timeout_s=10, tls=tls)
    try:
        yield provider
    finally:
        provider.close()


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


def test_the_provider_is_only_trusted_with_a_certificate_by_the_authority(authority: Authority, tmp_path: Path) -> None:
    trusting = open_files("tls", None, None, authority.certificate)
    with game_with(authority.files(), None) as target, provider_to(target, trusting) as provider:
        assert provider.grant(DELIVERY) == Granted()
    with game_with(Authority(tmp_path).files(), None) as target, provider_to(target, trusting) as provider:
        assert isinstance(provider.grant(DELIVERY), TryAgain)
    with game_with(authority.files("other.game"), None) as target, provider_to(target, trusting) as provider:
        assert isinstance(provider.grant(DELIVERY), TryAgain)


def test_a_game_that_asks_for_a_certificate_gets_one(authority: Authority) -> None:
    shown = authority.files("challenge.backend")
    own = open_files("tls", shown.certificate, shown.private_key, authority.certificate)
    with game_with(authority.files(), authority.pem) as target:
        with provider_to(target, own) as provider:
            assert provider.grant(DELIVERY) == Granted()
        with provider_to(target, open_files("tls", None, None, authority.certificate)) as provider:
            assert isinstance(provider.grant(DELIVERY), TryAgain)


def test_a_changed_certificate_is_shown_from_then_on(authority: Authority, tmp_path: Path) -> None:
    later = Authority(tmp_path)
    shown = authority.files("challenge.backend")
    own = open_files("tls", shown.certificate, shown.private_key, authority.certificate)
    with game_with(authority.files(), later.pem) as target, provider_to(target, own) as provider:
        assert isinstance(provider.grant(DELIVERY), TryAgain)
        shown.write(later.issue("challenge.backend"))
        own.reload()
        own.check()
        assert provider.grant(DELIVERY) == Granted()


def test_rotation_fails_no_delivery(authority: Authority) -> None:
    shown = authority.files("challenge.backend")
    own = open_files("tls", shown.certificate, shown.private_key, authority.certificate)
    replies: list[Reply] = []
    over = threading.Event()
    with game_with(authority.files(), authority.pem) as target, provider_to(target, own) as provider:

        def deliver() -> None:
            while not over.is_set():
                replies.append(provider.grant(DELIVERY))

        senders = [threading.Thread(target=deliver) for _ in range(4)]
        for sender in senders:
            sender.start()
        for _ in range(20):
            before = len(replies)
            shown.write(authority.issue("challenge.backend"))
            own.reload()
            own.check()
            while len(replies) < before + 8:
                assert all(sender.is_alive() for sender in senders)
        over.set()
        for sender in senders:
            sender.join()
    assert {type(reply) for reply in replies} == {Granted}
