"""Delivery to a webhook, against a real HTTP server."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

import pytest

from shared.domain.claims import RefusalReason
from shared.domain.grants import RETRY_AFTER_MAX, Granted, Refused, Reply, TryAgain
from shared.domain.instant import SECOND
from shared.providers.webhook import WebhookProvider
from tests.providers.deliveries import DELIVERY
from tests.support.busy_machine import LATE_S
from tests.support.services import NOW, ManualClock
from tests.support.unstalled_clock import unstalled_s

SECRET = "a secret that both sides know"
TIMEOUT_S = 10.0
IMPATIENT_S = 0.5


class Received(NamedTuple):
    """A received request."""

    path: str
    headers: dict[str, str]
    body: bytes
    connection: object


class Receiver:
    """An HTTP server with configurable responses."""

    def __init__(self) -> None:
        self.status = 200
        self.headers: dict[str, str] = {}
        self.body = b""
        self.silent = False
        self.leaving = threading.Event()
        self.trickle = False
        self.garbage = False
        self.received: list[Received] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                receiver.received.append(Received(self.path, headers, body, self.client_address))
                receiver.reply(self)

            def log_message(self, *_: Any) -> None:
                """Do not log."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/grants?game=1"

    def reply(self, handler: BaseHTTPRequestHandler) -> None:
        if self.silent:
            self.leaving.wait()
            handler.close_connection = True
            return
        if self.garbage:
            handler.wfile.write(b"\x00\xff nonsense\r\n\r\n")
            handler.close_connection = True
            return
        handler.send_response(self.status)
        for name, value in self.headers.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(self.body)))
        handler.end_headers()
        try:
            for index in range(len(self.body)) if self.trickle else ():
                handler.wfile.write(self.body[index : index + 1])
                self.leaving.wait(IMPATIENT_S / 3)
            if not self.trickle:
                handler.wfile.write(self.body)
        except OSError:
            handler.close_connection = True


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiving = Receiver()
    thread = threading.Thread(target=receiving.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield receiving
    receiving.leaving.set()
    receiving.server.shutdown()
    thread.join()
    receiving.server.server_close()


@pytest.fixture
def webhook(receiver: Receiver) -> Iterator[WebhookProvider]:
    provider = WebhookProvider(receiver.url, SECRET, timeout_s=TIMEOUT_S, connections=2, clock=ManualClock())
    yield provider
    provider.close()


@pytest.fixture
def impatient(receiver: Receiver) -> Iterator[WebhookProvider]:
    provider = WebhookProvider(receiver.url, SECRET, timeout_s=IMPATIENT_S, connections=2, clock=ManualClock())
    yield provider
    provider.close()


def test_a_grant_request_is_complete_signed_and_has_the_idempotency_key(
    receiver: Receiver, webhook: WebhookProvider
) -> None:
    assert webhook.grant(DELIVERY) == Granted()
    [request] = receiver.received
    assert request.path == "/grants?game=1"
    assert json.loads(request.body) == {
        "grant_id": DELIVERY.grant_id,
        "user_id": DELIVERY.key.user_id,
        "goal_id": "win-3",
        "claim_time": "2024-02-29T12:00:00+00:00",
        "reward": {"type": "WALLET", "id": "GEMS", "quantity": 10},
    }
    assert request.headers["idempotency-key"] == DELIVERY.grant_id
    assert request.headers["challenge-attempt"] == "3"
    timestamp = request.headers["challenge-timestamp"]
    assert timestamp == str(NOW // SECOND)
    signed = hmac.new(SECRET.encode(), timestamp.encode() + b"." + request.body, hashlib.sha256).hexdigest()
    assert request.headers["challenge-signature"] == f"v1={signed}"


def test_every_attempt_sends_the_same_body_over_a_kept_connection(receiver: Receiver, webhook: WebhookProvider) -> None:
    receiver.body = b"thank you"
    for attempt in range(1, 4):
        webhook.grant(DELIVERY._replace(attempt=attempt, lease_token=attempt))
    assert len({request.body for request in receiver.received}) == 1
    assert len({request.connection for request in receiver.received}) == 1


@pytest.mark.parametrize("status", [200, 201, 202, 204])
def test_a_2xx_response_is_granted(receiver: Receiver, webhook: WebhookProvider, status: int) -> None:
    receiver.status = status
    assert webhook.grant(DELIVERY) == Granted()


@pytest.mark.parametrize("reason", RefusalReason)
@pytest.mark.parametrize("status", [400, 403, 404, 409, 422])
def test_a_4xx_with_a_reason_is_a_refusal(
    receiver: Receiver, webhook: WebhookProvider, status: int, reason: RefusalReason
) -> None:
    receiver.status, receiver.body = status, json.dumps({"reason": reason.value}).encode()
    assert webhook.grant(DELIVERY) == Refused(reason)


def retried(reply: Reply) -> TryAgain:
    assert isinstance(reply, TryAgain)
    return reply


@pytest.mark.parametrize("body", [b"", b"<html>", b'{"reason": "BAD_MOOD"}', b'{"reason": {}}', b"[" * 5_000, b"\xff"])
def test_a_4xx_without_a_known_reason_is_retried(receiver: Receiver, webhook: WebhookProvider, body: bytes) -> None:
    receiver.status, receiver.body = 404, body
    assert retried(webhook.grant(DELIVERY)).error.startswith("HTTP 404")


@pytest.mark.parametrize("status", [301, 307, 408, 425, 429, 500, 502, 503, 504])
def test_temporary_statuses_and_redirects_are_retried(
    receiver: Receiver, webhook: WebhookProvider, status: int
) -> None:
    receiver.status, receiver.body = status, b'{"reason": "PLAYER_UNKNOWN"}'
    receiver.headers = {"Location": receiver.url}
    retried(webhook.grant(DELIVERY))
    assert len(receiver.received) == 1


RETRY_AFTER = {
    "": 0,
    "0": 0,
    "30": 30 * SECOND,
    "Thu, 29 Feb 2024 12:02:00 GMT": 120 * SECOND,
    "Thu, 29 Feb 2024 11:00:00 GMT": 0,
    "99999999999999999999": RETRY_AFTER_MAX,
    "-5": 0,
    "soon": 0,
    "Thu, 99 Feb 2024 12:02:00 GMT": 0,
}


@pytest.mark.parametrize("asked", RETRY_AFTER)
def test_retry_after_is_honoured_within_bounds(receiver: Receiver, webhook: WebhookProvider, asked: str) -> None:
    receiver.status, receiver.headers = 503, {"Retry-After": asked}
    assert retried(webhook.grant(DELIVERY)).retry_after == RETRY_AFTER[asked]


def test_a_slow_trickling_broken_or_unreachable_server_is_retried(
    receiver: Receiver, webhook: WebhookProvider, impatient: WebhookProvider
) -> None:
    receiver.silent = True
    started = unstalled_s()
    retried(impatient.grant(DELIVERY))
    assert unstalled_s() - started < IMPATIENT_S + LATE_S
    receiver.silent, receiver.trickle, receiver.body = False, True, b"x" * 100
    started = unstalled_s()
    retried(impatient.grant(DELIVERY))
    assert unstalled_s() - started < IMPATIENT_S + LATE_S
    receiver.trickle, receiver.garbage = False, True
    retried(webhook.grant(DELIVERY))
    receiver.garbage = False
    assert webhook.grant(DELIVERY) == Granted()
    nowhere = WebhookProvider("http://127.0.0.1:1/", SECRET, timeout_s=TIMEOUT_S, connections=1, clock=ManualClock())
    retried(nowhere.grant(DELIVERY))
    nowhere.close()


def test_a_large_response_is_not_read_to_its_end(receiver: Receiver, webhook: WebhookProvider) -> None:
    receiver.status, receiver.body = 500, b"x" * 10_000_000
    assert len(retried(webhook.grant(DELIVERY)).error) < 1_000
    receiver.status, receiver.body = 200, b""
    assert webhook.grant(DELIVERY) == Granted()
