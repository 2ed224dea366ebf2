"""Webhooks that misbehave: an attempt ends at its time limit, and costs little CPU time and memory until then."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest

from shared.domain.grants import Granted, TryAgain
from shared.providers.webhook import WebhookProvider
from shared.runtime.bounded_http import RESPONSE_BYTES_MAX
from tests.providers.deliveries import DELIVERY
from tests.support.busy_machine import LATE_S
from tests.support.services import ManualClock
from tests.support.unstalled_clock import unstalled_s

TIMEOUT_S = 1.0
CPU_S = 0.5
"""CPU time of an attempt: half of what burning it until the time limit takes."""
LOOPBACK = "127.0.0.1"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"

Behaviour = Callable[[socket.socket], None]


def flood(piece: bytes, beginning: bytes = b"") -> Behaviour:
    """Return a server that sends the beginning, and then the piece without end."""

    def send(connection: socket.socket) -> None:
        connection.sendall(beginning)
        block = piece * (10_000 // len(piece) + 1)
        while True:
            connection.sendall(block)

    return send


def trickle(piece: bytes, beginning: bytes = b"") -> Behaviour:
    """Return a server that sends the beginning, and then the piece without end, a byte at a time."""

    def send(connection: socket.socket) -> None:
        connection.sendall(beginning)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.settimeout(TIMEOUT_S / 100)
        while True:
            for position in range(len(piece)):
                connection.sendall(piece[position : position + 1])
                with suppress(TimeoutError):  # the pause between two bytes
                    connection.recv(1)

    return send


def say(response: bytes) -> Behaviour:
    return lambda connection: connection.sendall(response)


def say_nothing(connection: socket.socket) -> None:
    while connection.recv(65_536):
        pass


@contextmanager
def serving(behaviour: Behaviour, *, read_request: bool = True) -> Iterator[str]:
    """Start a server that behaves so on every connection; yield its host and port."""
    connections: list[socket.socket] = []
    with socket.create_server((LOOPBACK, 0)) as listener:

        def serve(connection: socket.socket) -> None:
            with connection, suppress(OSError):
                if read_request:
                    connection.recv(65_536)
                behaviour(connection)

        def accept() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    connections.append(connection)
                    threading.Thread(target=serve, args=(connection,), daemon=True).start()

        acceptor = threading.Thread(target=accept, daemon=True)
        acceptor.start()
        try:
            yield f"{LOOPBACK}:{listener.getsockname()[1]}"
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            acceptor.join()
            for connection in connections:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)


@contextmanager
def webhook_to(url: str) -> Iterator[WebhookProvider]:
    provider = WebhookProvider(url, "secret", timeout_s=TIMEOUT_S, connections=1, clock=ManualClock())
    try:
        yield provider
    finally:
        provider.close()


def check_attempt(webhook: WebhookProvider) -> TryAgain:
    """Make an attempt that must fail in time and cost little."""
    started, cpu_started = unstalled_s(), time.thread_time()
    reply = webhook.grant(DELIVERY)
    assert unstalled_s() - started < TIMEOUT_S + LATE_S
    assert time.thread_time() - cpu_started < CPU_S
    assert isinstance(reply, TryAgain)
    assert len(reply.error) < 1_000
    return reply


HEADERS = b"HTTP/1.1 200 OK\r\n"
FLOODS = {
    "interim responses": flood(CONTINUE),
    "other interim responses": flood(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"),
    "headers": flood(b"A: b\r\n", HEADERS),
    "a header": flood(b"x", HEADERS + b"A: "),
    "a status line": flood(b"x", b"HTTP/1.1 200 "),
    "headers of an interim response": flood(b"A: b\r\n", b"HTTP/1.1 100 Continue\r\n"),
    "a chunk size": flood(b"0", HEADERS + b"Transfer-Encoding: chunked\r\n\r\n"),
    "a chunk extension": flood(b"x", HEADERS + b"Transfer-Encoding: chunked\r\n\r\n1;"),
    "trailers": flood(b"A: b\r\n", HEADERS + b"Transfer-Encoding: chunked\r\n\r\n0\r\n"),
    "garbage": flood(b"\xff"),
}
TRICKLES = {
    "interim responses": trickle(CONTINUE),
    "headers": trickle(b"A: b\r\n", HEADERS),
    "a header": trickle(b"x", HEADERS + b"A: "),
    "a status line": trickle(b"x", b"HTTP/1.1 200 "),
    "a body": trickle(b"x", HEADERS + b"Content-Length: 10000\r\n\r\n"),
    "chunks": trickle(b"1\r\nx\r\n", HEADERS + b"Transfer-Encoding: chunked\r\n\r\n"),
    "a body until the end of the connection": trickle(b"x", HEADERS + b"Connection: close\r\n\r\n"),
}


@pytest.mark.parametrize("kind", FLOODS)
def test_endless_responses_end_the_attempt_early(kind: str) -> None:
    with serving(FLOODS[kind]) as address, webhook_to(f"http://{address}/") as webhook:
        check_attempt(webhook)


@pytest.mark.parametrize("kind", TRICKLES)
def test_trickling_responses_end_the_attempt_at_its_time_limit(kind: str) -> None:
    with serving(TRICKLES[kind]) as address, webhook_to(f"http://{address}/") as webhook:
        check_attempt(webhook)


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("read_request", [True, False])
def test_a_silent_server_ends_the_attempt_at_its_time_limit(scheme: str, read_request: bool) -> None:
    with (
        serving(say_nothing, read_request=read_request) as address,
        webhook_to(f"{scheme}://{address}/") as webhook,
    ):
        check_attempt(webhook)


def test_a_flood_in_place_of_a_tls_handshake_ends_the_attempt() -> None:
    hello = flood(b"\x16\x03\x01\x00\x00")
    with serving(hello, read_request=False) as address, webhook_to(f"https://{address}/") as webhook:
        check_attempt(webhook)


def test_a_server_whose_queue_is_full_ends_the_attempt_at_its_time_limit() -> None:
    with socket.socket() as listener:
        listener.bind((LOOPBACK, 0))
        listener.listen(0)
        address = listener.getsockname()
        with socket.create_connection(address), webhook_to(f"http://{LOOPBACK}:{address[1]}/") as webhook:
            check_attempt(webhook)


def test_some_interim_responses_are_skipped() -> None:
    hints = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
    response = CONTINUE * 20 + b"HTTP/1.1 102 Processing\r\nA: b\r\n\r\n" + hints * 2 + CONTINUE + OK
    with serving(say(response)) as address, webhook_to(f"http://{address}/") as webhook:
        assert webhook.grant(DELIVERY) == Granted()


def test_a_success_with_an_endless_body_is_granted() -> None:
    endless = flood(b"x", HEADERS + b"Connection: close\r\n\r\n")
    with serving(endless) as address, webhook_to(f"http://{address}/") as webhook:
        assert webhook.grant(DELIVERY) == Granted()


def test_a_compressed_body_is_not_expanded() -> None:
    headers = b"HTTP/1.1 500 No\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\n"
    with serving(say(headers + b"\x1f\x8b\x08\x00")) as address, webhook_to(f"http://{address}/") as webhook:
        assert check_attempt(webhook).error.startswith("HTTP 500")


def test_the_time_limit_begins_again_with_every_attempt() -> None:
    with serving(trickle(CONTINUE)) as address, webhook_to(f"http://{address}/") as webhook:
        check_attempt(webhook)
        check_attempt(webhook)


def test_little_is_received_of_a_flood() -> None:
    sent = 0

    def count(connection: socket.socket) -> None:
        nonlocal sent
        while True:
            sent += connection.send(CONTINUE)

    with serving(count) as address, webhook_to(f"http://{address}/") as webhook:
        reply = check_attempt(webhook)
    assert f"larger than {RESPONSE_BYTES_MAX // 1024} KiB" in reply.error
    # The kernel's buffers take the rest.
    assert sent < 100 * RESPONSE_BYTES_MAX


@pytest.mark.parametrize("variable", ["http_proxy", "HTTP_PROXY", "all_proxy", "https_proxy"])
def test_proxies_in_the_environment_are_ignored(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, "http://127.0.0.1:1")
    with serving(say(OK)) as address, webhook_to(f"http://{address}/") as webhook:
        assert webhook.grant(DELIVERY) == Granted()
