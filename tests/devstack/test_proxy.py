"""The network proxy with which other tests simulate failures."""

from __future__ import annotations

import socket
import socketserver
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest

from tests.support.proxy import LOOPBACK, TcpProxy
from tests.support.waiting import wait_until


class Echo(socketserver.StreamRequestHandler):
    """Returns every line to its sender."""

    def handle(self) -> None:
        for line in self.rfile:
            self.wfile.write(line)


@pytest.fixture
def proxy() -> Iterator[TcpProxy]:
    """Yield a proxy to an echo server."""
    with socketserver.ThreadingTCPServer((LOOPBACK, 0), Echo) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            with TcpProxy(LOOPBACK, server.server_address[1]) as between:
                yield between
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def client(proxy: TcpProxy) -> Iterator[socket.socket]:
    """Yield a connection through the proxy that has echoed once."""
    with connect(proxy) as connection:
        assert echo(connection, b"hello\n") == b"hello\n"
        yield connection


def connect(proxy: TcpProxy) -> socket.socket:
    return socket.create_connection((LOOPBACK, proxy.port), timeout=60)


def echo(connection: socket.socket, line: bytes) -> bytes:
    connection.sendall(line)
    return connection.recv(100)


def test_a_frozen_proxy_delivers_nothing_and_loses_nothing(proxy: TcpProxy, client: socket.socket) -> None:
    proxy.freeze()
    with connect(proxy) as newcomer:
        for connection in (client, newcomer):
            connection.settimeout(0.1)
            with pytest.raises(TimeoutError):
                echo(connection, b"kept\n")
            connection.settimeout(10)
        proxy.thaw()
        assert client.recv(100) == newcomer.recv(100) == b"kept\n"


def test_a_cut_ends_connections_and_accepts_new_ones(proxy: TcpProxy, client: socket.socket) -> None:
    proxy.freeze()
    client.sendall(b"on its way\n")
    proxy.cut()
    assert client.recv(100) == b""
    proxy.thaw()
    with connect(proxy) as another:
        assert echo(another, b"again\n") == b"again\n"


def test_it_can_refuse_new_connections_and_keep_old_ones(proxy: TcpProxy, client: socket.socket) -> None:
    proxy.refuse(True)
    with pytest.raises(ConnectionRefusedError):
        connect(proxy)
    assert echo(client, b"still\n") == b"still\n"
    proxy.refuse(False)
    with connect(proxy) as another:
        assert echo(another, b"again\n") == b"again\n"


def test_a_delay_applies_in_both_directions(proxy: TcpProxy, client: socket.socket) -> None:
    proxy.delay(0.1)
    started = time.monotonic()
    assert echo(client, b"late\n") == b"late\n"
    assert time.monotonic() - started >= 0.2


def test_an_unreachable_server_looks_like_a_closed_connection(proxy: TcpProxy) -> None:
    with socket.create_server((LOOPBACK, 0)) as unused:
        port = unused.getsockname()[1]
    with TcpProxy(LOOPBACK, port) as nowhere, connect(nowhere) as connection:
        assert connection.recv(100) == b""
    with connect(proxy) as connection:
        assert echo(connection, b"elsewhere\n") == b"elsewhere\n"


def test_a_proxy_that_refuses_keeps_its_port(proxy: TcpProxy) -> None:
    first, last = map(int, Path("/proc/sys/net/ipv4/ip_local_port_range").read_text("ascii").split())
    assert not first <= proxy.port <= last, "the system may give it to any server or client"
    proxy.refuse(True)
    with socket.socket(type=socket.SOCK_DGRAM) as other, pytest.raises(OSError, match="in use"):
        other.bind((LOOPBACK, proxy.port))
    proxy.refuse(False)
    with connect(proxy) as connection:
        assert echo(connection, b"again\n") == b"again\n"


def test_the_reply_to_a_commit_can_be_dropped_without_the_commit(database_url: str) -> None:
    direct = urlsplit(database_url)
    assert direct.hostname is not None
    assert direct.port is not None
    with TcpProxy(direct.hostname, direct.port) as proxy:
        through = direct._replace(netloc=direct.netloc.replace(f":{direct.port}", f":{proxy.port}")).geturl()
        proxy.drop_reply(after=lambda sent: b"COMMIT" in sent, reply=lambda received: b"COMMIT" in received)
        with pytest.raises(psycopg.OperationalError), psycopg.connect(through) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 1")
        wait_until(lambda: proxy.dropped == 1)
        with psycopg.connect(through) as connection:
            assert connection.execute("SELECT count(*) FROM kept").fetchone() == (1,)
        assert proxy.dropped == 1
