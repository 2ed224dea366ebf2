"""The game as a webhook, and for people: the rewards it has given, and its faults.

POST /grants                 an attempt, as `shared.providers.webhook` sends it
GET  /ledger?user_id=zoe     the rewards players have; of all players without `user_id`
GET  /faults, PUT /faults    the faults; PUT takes the fields that differ from the defaults
"""

from __future__ import annotations

import hmac
import json
import select
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from devstack.game.fault_plan import FaultPlan, FaultPlanInvalid
from devstack.game.game import Failed, Game, Garbled, Gift
from shared.providers.webhook import signature

BODY_BYTES_MAX = 64 * 1024
POLL_S = 0.05
"""Interval in seconds at which the library checks whether to stop."""
TIMESTAMP_AGE_MAX_S = 300
"""An older call is a replay."""
GARBLED = b"\x00\xff no HTTP\r\n\r\n"


@contextmanager
def serve_http(game: Game, host: str, port: int, secret: str) -> Iterator[int]:
    """Serve inside the `with` block and yield the port, a free one for 0. Raise `OSError` if it is taken."""
    server = _Server((host, port), _Handler)
    server.game, server.secret = game, secret
    thread = threading.Thread(target=server.serve_forever, args=(POLL_S,), name="http server", daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    # Calls kept waiting end with the process.
    block_on_close = False
    request_queue_size = 128
    game: Game
    secret: str


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # A response is sent at once in one piece: a small one in two pieces waits 40 ms for an acknowledgement.
    disable_nagle_algorithm = True
    wbufsize = -1
    server: _Server

    def do_POST(self) -> None:
        """Handle an attempt."""
        body = self._body()
        if urlsplit(self.path).path != "/grants":
            self._respond(HTTPStatus.NOT_FOUND, {"error": "POST /grants"})
        elif not self._is_signed(body):
            self._respond(HTTPStatus.UNAUTHORIZED, {"error": "the signature is wrong, or too old"})
        else:
            self._grant(json.loads(body))

    def do_GET(self) -> None:
        """Return the ledger or the faults."""
        address = urlsplit(self.path)
        game = self.server.game
        if address.path == "/ledger":
            wanted = parse_qs(address.query).get("user_id")
            given = [gift._asdict() for gift in game.grant_log.given() if wanted is None or gift.user_id in wanted]
            self._respond(HTTPStatus.OK, {"given": given, "attempts": len(game.attempts())})
        elif address.path == "/faults":
            self._respond(HTTPStatus.OK, game.faults.model_dump(mode="json"))
        else:
            self._respond(HTTPStatus.NOT_FOUND, {"error": "GET /ledger or /faults"})

    def do_PUT(self) -> None:
        """Change the faults."""
        body = self._body()
        if urlsplit(self.path).path != "/faults":
            self._respond(HTTPStatus.NOT_FOUND, {"error": "PUT /faults"})
            return
        try:
            self.server.game.faults = FaultPlan.model_validate_json(body)
        except FaultPlanInvalid as error:
            self._respond(HTTPStatus.BAD_REQUEST, {"error": str(error)})
            return
        self._respond(HTTPStatus.OK, self.server.game.faults.model_dump(mode="json"))

    def _grant(self, asked: dict[str, Any]) -> None:
        reward = asked["reward"]
        gift = Gift(
            asked["grant_id"], asked["user_id"], asked["goal_id"], reward["type"], reward["id"], reward["quantity"]
        )
        attempt = int(self.headers.get("Challenge-Attempt", "1"))
        reply = self.server.game.grant(gift, attempt, self._wait)
        match reply:
            case None:
                self.close_connection = True
            case Garbled():
                self.wfile.write(GARBLED)
                self.close_connection = True
            case Failed(retry_after_s):
                headers = {"Retry-After": str(retry_after_s)} if retry_after_s else {}
                self._respond(HTTPStatus.SERVICE_UNAVAILABLE, {"error": "temporary failure"}, headers)
            case _ if reply.refusal is not None:
                self._respond(HTTPStatus.CONFLICT, {"reason": reply.refusal})
            case _:
                self._respond(HTTPStatus.OK, {})

    def _is_signed(self, body: bytes) -> bool:
        timestamp = self.headers.get("Challenge-Timestamp", "")
        given = self.headers.get("Challenge-Signature", "")
        if not timestamp.isdigit() or abs(time.time() - int(timestamp)) > TIMESTAMP_AGE_MAX_S:
            return False
        return hmac.compare_digest(given, signature(self.server.secret, timestamp, body))

    def _wait(self, seconds: float) -> None:
        """Wait, or return early once the caller has hung up, which makes the connection readable."""
        select.select([self.connection], [], [], seconds)

    def _body(self) -> bytes:
        length = int(self.headers.get("Content-Length") or 0)
        return self.rfile.read(min(length, BODY_BYTES_MAX))

    def _respond(self, status: HTTPStatus, content: object, headers: dict[str, str] | None = None) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's
        """Log nothing: the grant log records everything."""
