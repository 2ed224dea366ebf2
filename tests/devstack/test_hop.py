"""The network hop with which other tests simulate failures."""

from __future__ import annotations

import socket
import socketserver
import threading
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

import psycopg
import pytest

from tests.support.proxy import LOOPBACK, Hop
from tests.support.waiting import wait_until


class Echo(socketserver.StreamRequestHandler):
    """Returns every line to its sender."""

    def handle(self) -> None:
        for line in self.rfile:
            self.wfile.write(line)


@pytest.fixture
def hop() -> Iterator[Hop]:
    """Yield a hop to an echo server."""
    with socketserver.ThreadingTCPServer((LOOPBACK, 0), Echo) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            with Hop(LOOPBACK, server.server_address[1]) as between:
                yield between
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def client(hop: Hop) -> Iterator[socket.socket]:
    """Yield a connection through the hop that has echoed once."""
    with connect(hop) as connection:
        assert echo(connection, b"hello\n") == b"hello\n"
        yield connection


def connect(hop: Hop) -> socket.socket:
    return socket.create_connection((LOOPBACK, hop.port), timeout=10)


def echo(connection: socket.socket, line: bytes) -> bytes:
    connection.sendall(line)
    return connection.recv(100)


def test_a_frozen_hop_delivers_nothing_and_loses_nothing(hop: Hop, client: socket.socket) -> None:
    hop.freeze()
    with connect(hop) as newcomer:
        for connection in (client, newcomer):
            connection.settimeout(0.1)
            with pytest.raises(TimeoutError):
                echo(connection, b"kept\n")
            connection.settimeout(10)
        hop.thaw()
        assert client.recv(100) == newcomer.recv(100) == b"kept\n"


def test_a_cut_ends_connections_and_accepts_new_ones(hop: Hop, client: socket.socket) -> None:
    hop.freeze()
    client.sendall(b"on its way\n")
    hop.cut()
    assert client.recv(100) == b""
    hop.thaw()
    with connect(hop) as another:
        assert echo(another, b"again\n") == b"again\n"


def test_it_can_refuse_new_connections_and_keep_old_ones(hop: Hop, client: socket.socket) -> None:
    hop.refuse(True)
    with pytest.raises(ConnectionRefusedError):
        connect(hop)
    assert echo(client, b"still\n") == b"still\n"
    hop.refuse(False)
    with connect(hop) as another:
        assert echo(another, b"again\n") == b"again\n"


def test_a_delay_applies_in_both_directions(hop: Hop, client: socket.socket) -> None:
    hop.delay(0.1)
    started = time.monotonic()
    assert echo(client, b"late\n") == b"late\n"
    assert time.monotonic() - started >= 0.2


def test_an_unreachable_server_looks_like_a_closed_connection(hop: Hop) -> None:
    with socket.create_server((LOOPBACK, 0)) as unused:
        port = unused.getsockname()[1]
    with Hop(LOOPBACK, port) as nowhere, connect(nowhere) as connection:
        assert connection.recv(100) == b""
    with connect(hop) as connection:
        assert echo(connection, b"elsewhere\n") == b"elsewhere\n"


def test_the_reply_to_a_commit_can_be_dropped_without_the_commit(database_url: str) -> None:
    direct = urlsplit(database_url)
    assert direct.hostname is not None
    assert direct.port is not None
    with Hop(direct.hostname, direct.port) as hop:
        through = direct._replace(netloc=direct.netloc.replace(f":{direct.port}", f":{hop.port}")).geturl()
        hop.drop_reply(after=lambda sent: b"COMMIT" in sent, reply=lambda received: b"COMMIT" in received)
        with pytest.raises(psycopg.OperationalError), psycopg.connect(through) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 1")
        wait_until(lambda: hop.dropped == 1)
        with psycopg.connect(through) as connection:
            assert connection.execute("SELECT count(*) FROM kept").fetchone() == (1,)
        assert hop.dropped == 1
