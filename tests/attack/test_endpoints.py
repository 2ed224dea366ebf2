"""The webhook and the Redis that misbehave."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import closing

import pytest
import redis

from attack.endpoints import BadWebhook, TricklingProxy
from devstack.ports import LOOPBACK
from devstack.valkey import EmbeddedValkey


@pytest.fixture
def trickling(own_valkey: EmbeddedValkey) -> Iterator[tuple[TricklingProxy, str]]:
    """Yield a proxy to Valkey and the URL through it."""
    with closing(TricklingProxy(own_valkey.port)) as proxy:
        yield proxy, own_valkey.url.replace(f":{own_valkey.port}/", f":{proxy.port}/")


@pytest.mark.parametrize("trickle", [True, False])
def test_a_response_has_no_end_while_the_webhook_misbehaves(trickle: bool) -> None:
    with (
        closing(BadWebhook(trickle=trickle)) as webhook,
        socket.create_connection((LOOPBACK, webhook.port), timeout=60) as caller,
    ):
        caller.sendall(b"POST /grants HTTP/1.1\r\n\r\n")
        caller.recv(1)
        webhook.misbehaves = False
        received = b"".join(iter(lambda: caller.recv(65_536), b""))
    assert received.endswith(b"{}") is not trickle


def test_replies_trickle_a_byte_at_a_time(trickling: tuple[TricklingProxy, str]) -> None:
    proxy, url = trickling
    with redis.Redis.from_url(url, socket_timeout=60) as client:
        client.set("key", "x" * 5)
        proxy.trickle = True
        assert client.get("key") == b"xxxxx"
        proxy.trickle = False
        assert client.get("key") == b"xxxxx"
    assert proxy.connections == 1
