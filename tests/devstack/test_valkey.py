"""The embedded Valkey server."""

from __future__ import annotations

import socket
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import redis

import devstack.server
from devstack.errors import StartFailed
from devstack.ports import LOOPBACK
from devstack.valkey import SNAPSHOT, EmbeddedValkey
from tests.support.reserved_port import lasting_port
from tests.support.waiting import wait_until


def test_it_is_a_bounded_cache_with_a_password(own_valkey: EmbeddedValkey) -> None:
    with redis.Redis.from_url(own_valkey.url) as client:
        settings = client.config_get("maxmemory", "maxmemory-policy", "save", "appendonly", "bind")
    assert settings == {
        "maxmemory": str(256 * 2**20),
        "maxmemory-policy": "allkeys-lru",
        "save": "",
        "appendonly": "no",
        "bind": LOOPBACK,
    }
    port = urlsplit(own_valkey.url).port
    assert port is not None
    with socket.create_connection((LOOPBACK, port)) as connection:
        connection.sendall(b"PING\r\n")
        assert connection.recv(64).startswith(b"-NOAUTH")


def test_it_restarts_empty_with_the_same_url(own_valkey: EmbeddedValkey) -> None:
    url = own_valkey.url
    with redis.Redis.from_url(url) as client:
        client.set("key", "value")
    own_valkey.kill()
    assert not own_valkey.is_running
    own_valkey.start()
    assert own_valkey.url == url
    with redis.Redis.from_url(url) as client:
        assert client.get("key") is None


def test_a_picked_port_that_is_taken_meanwhile_is_replaced(
    own_valkey: EmbeddedValkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    own_valkey.stop()
    fresh = EmbeddedValkey(own_valkey.directory)
    with socket.create_server((LOOPBACK, 0)) as taken:
        picks = iter([taken.getsockname()[1], lasting_port()])
        monkeypatch.setattr(devstack.server, "free_port", lambda: next(picks))
        with fresh:
            assert fresh.is_running
    assert next(picks, None) is None


def test_a_given_port_that_is_taken_fails_the_start(own_valkey: EmbeddedValkey) -> None:
    port = urlsplit(own_valkey.url).port
    assert port is not None
    with pytest.raises(StartFailed, match="Address already in use"):
        EmbeddedValkey(own_valkey.directory / "second", port=port).start()


def test_a_snapshot_for_a_replica_is_not_read_at_the_next_start(own_valkey: EmbeddedValkey, tmp_path: Path) -> None:
    primary = urlsplit(own_valkey.url)
    follow = (f"replicaof {LOOPBACK} {primary.port}", f"masterauth {primary.password}")
    with (
        EmbeddedValkey(tmp_path / "replica", settings=follow) as replica,
        redis.Redis.from_url(own_valkey.url) as client,
        redis.Redis.from_url(replica.url) as copy,
    ):
        client.set("key", "value")
        wait_until(lambda: copy.get("key") == b"value")
        # Each has written its keys to its own folder, wherever the server was started.
        for server in (client, copy):
            server.save()
        own_valkey.kill()
        assert (own_valkey.directory / SNAPSHOT).exists()
        own_valkey.start()
        assert client.get("key") is None
    assert (tmp_path / "replica" / SNAPSHOT).exists()
