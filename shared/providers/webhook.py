"""Delivery by a signed HTTP webhook.

    POST <url>
    Content-Type: application/json
    Idempotency-Key: <grant id>                       the same for every attempt of a grant
    Challenge-Attempt: <number, from 1>
    Challenge-Timestamp: <seconds since 1970>
    Challenge-Signature: v1=<HMAC-SHA256, in hex>      of "<timestamp>.<body>" with the shared secret

    {"claim_time": "2024-02-29T12:00:00+00:00", "goal_id": "win-3", "grant_id": "6b0f6f3e-…",
     "reward": {"id": "GEMS", "quantity": 10, "type": "WALLET"}, "user_id": "zoe"}

For a goal with a schedule, `period_start` is the start of the period in which it was completed; other bodies lack it.

Responses: 2xx means granted. 4xx with `{"reason": "<RefusalReason>"}` is a final refusal. Anything else is retried:
408, 429 and 5xx because they are temporary, honouring Retry-After, and a 4xx without a known reason because a proxy or
a wrong address responds so too, which must not end a claim.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from datetime import datetime
from email.utils import parsedate_to_datetime

import urllib3

from shared.domain.claims import RefusalReason
from shared.domain.grants import RETRY_AFTER_MAX, Delivery, Granted, Refused, Reply, TryAgain
from shared.domain.instant import LIFETIME_START, SECOND, Microseconds, to_datetime, to_instant
from shared.runtime.bounded_http import bounded_pool, time_limit
from shared.runtime.clock import Clock

CONTENT_BYTES_MAX = 16 * 1024
"""Maximum bytes read of a response body; a refusal takes 30."""

_NOT_REFUSALS = frozenset({408, 425, 429})
"""The 4xx statuses that concern this attempt rather than the grant."""


def signature(secret: str, timestamp: str, body: bytes) -> str:
    """Return the `Challenge-Signature`. Receivers compute it too, compare in constant time, refuse old timestamps."""
    digest = hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    return f"v1={digest}"


class WebhookProvider:
    """A client of one URL. Connections are kept and shared by threads."""

    def __init__(self, url: str, secret: str, *, timeout_s: float, connections: int, clock: Clock) -> None:
        """Set up the connections; `timeout_s` bounds a whole attempt."""
        self._url = url
        self._secret = secret
        self._clock = clock
        self._timeout_s = timeout_s
        self._pool = bounded_pool(connections)

    def grant(self, delivery: Delivery) -> Reply:
        """Make one attempt."""
        body = _body(delivery)
        timestamp = str(self._clock() // SECOND)
        headers = {
            "Content-Type": "application/json",
            "Idempotency-Key": delivery.grant_id,
            "Challenge-Attempt": str(delivery.attempt),
            "Challenge-Timestamp": timestamp,
            "Challenge-Signature": signature(self._secret, timestamp, body),
        }
        try:
            with time_limit(self._timeout_s):
                response = self._pool.request(
                    "POST", self._url, body=body, headers=headers, redirect=False, preload_content=False
                )
                content = _read(response)
        except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            return TryAgain(f"{type(error).__name__}: {error}")
        return self._reply(response.status, response.headers.get("Retry-After"), content)

    def find(self, delivery: Delivery) -> Reply | None:  # noqa: ARG002 - the protocol's
        """Return None: sending the grant again under its key has the same effect as asking."""
        return None

    def close(self) -> None:
        """Close the connections."""
        self._pool.clear()

    def _reply(self, status: int, retry_after: str | None, content: bytes) -> Reply:
        if 200 <= status < 300:
            return Granted()
        if 400 <= status < 500 and status not in _NOT_REFUSALS:
            reason = _reason(content)
            if reason is not None:
                return Refused(reason)
        said = content[:200].decode("utf-8", "replace")
        return TryAgain(f"HTTP {status}: {said}", self._pause(retry_after))

    def _pause(self, retry_after: str | None) -> Microseconds:
        """Return the pause in Retry-After, given in seconds or as a date; 0 if missing or malformed."""
        if not retry_after:
            return 0
        try:
            if retry_after.isascii() and retry_after.isdigit():
                return min(int(retry_after[:10]) * SECOND, RETRY_AFTER_MAX)
            moment: datetime = parsedate_to_datetime(retry_after)
            return max(0, min(to_instant(moment) - self._clock(), RETRY_AFTER_MAX))
        except (ValueError, TypeError, OverflowError):
            return 0


def _read(response: urllib3.BaseHTTPResponse) -> bytes:
    """Return the body, or its beginning. The connection is kept if the body was read completely."""
    content = b""
    try:
        while len(content) < CONTENT_BYTES_MAX and (piece := response.read1(CONTENT_BYTES_MAX - len(content))):
            content += piece
    finally:
        response.close()
    return content


def _body(delivery: Delivery) -> bytes:
    """Return the same bytes for every attempt of a grant, for receivers that compare repeated requests."""
    reward = delivery.reward
    content: dict[str, object] = {
        "grant_id": delivery.grant_id,
        "user_id": delivery.key.user_id,
        "goal_id": delivery.key.goal_id,
        "claim_time": to_datetime(delivery.claim_time).isoformat(),
        "reward": {"type": reward.type.value, "id": reward.id, "quantity": reward.quantity},
    }
    if delivery.key.period_start != LIFETIME_START:
        content["period_start"] = to_datetime(delivery.key.period_start).isoformat()
    return json.dumps(content, sort_keys=True, separators=(",", ":")).encode()


def _reason(content: bytes) -> RefusalReason | None:
    try:
        reply = json.loads(content)
        return RefusalReason(reply["reason"])
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
