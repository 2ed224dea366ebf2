"""Page tokens: opaque, and valid only for the request that they were made for."""

from __future__ import annotations

import base64
import binascii
import json
import struct
from collections.abc import Sequence
from hashlib import blake2b
from uuid import UUID

from shared.domain.errors import InvalidRequest
from shared.domain.instant import Instant
from shared.operations.rewards.list_claimable import ClaimableKey

_TOKEN = struct.Struct(">8sI")
_PERIOD_TOKEN = struct.Struct(">8sIq")
_CLAIMABLE_TOKEN = struct.Struct(">8sq")


def page_token(position: int, *parameters: str | bool | Sequence[str]) -> str:
    """Return the token of the page that starts at a position, for a request with these parameters."""
    return base64.urlsafe_b64encode(_TOKEN.pack(_fingerprint(parameters), position)).decode()


def page_position(token: str, *parameters: str | bool | Sequence[str]) -> int:
    """Return the position where the page starts; 0 for the empty token.

    Raise `InvalidRequest` for a token of another request.
    """
    if not token:
        return 0
    try:
        _, position = _TOKEN.unpack(base64.urlsafe_b64decode(token))
    except (binascii.Error, struct.error, ValueError):
        position = 0
    # Decoding ignores some invalid characters: only the exact token that was issued is valid.
    if token != page_token(position, *parameters):
        raise InvalidRequest.of("page_token", "does not belong to this request")
    return int(position)


def period_token(position: int, period_start: Instant, *parameters: str | bool | Sequence[str]) -> str:
    """Return the token of the page that starts at a position, in the ranking of one period."""
    return base64.urlsafe_b64encode(_PERIOD_TOKEN.pack(_fingerprint(parameters), position, period_start)).decode()


def period_position(token: str, *parameters: str | bool | Sequence[str]) -> tuple[int, Instant | None]:
    """Return the position where the page starts, and the start of its period; 0 and None for the empty token.

    Raise `InvalidRequest` for a token of another request.
    """
    if not token:
        return 0, None
    try:
        _, position, period_start = _PERIOD_TOKEN.unpack(base64.urlsafe_b64decode(token))
    except (binascii.Error, struct.error, ValueError):
        position = period_start = 0
    if token != period_token(position, period_start, *parameters):
        raise InvalidRequest.of("page_token", "does not belong to this request")
    return position, period_start


def cursor_token(last: UUID, *parameters: str | bool | Sequence[str]) -> str:
    """Return the token of the page that starts after the entry with this id, for a request with these parameters."""
    return base64.urlsafe_b64encode(_fingerprint(parameters) + last.bytes).decode()


def cursor(token: str, *parameters: str | bool | Sequence[str]) -> UUID | None:
    """Return the id of the entry after which the page starts; None for the empty token.

    Raise `InvalidRequest` for a token of another request.
    """
    if not token:
        return None
    try:
        last = UUID(bytes=base64.urlsafe_b64decode(token)[8:])
    except (binascii.Error, ValueError):
        last = None
    if last is None or token != cursor_token(last, *parameters):
        raise InvalidRequest.of("page_token", "does not belong to this request")
    return last


def claimable_token(last: ClaimableKey, *parameters: str | bool | Sequence[str]) -> str:
    """Return the token of the page that starts after this place, for a request with these parameters."""
    place = _CLAIMABLE_TOKEN.pack(_fingerprint(parameters), last.period_start) + last.goal_id.encode()
    return base64.urlsafe_b64encode(place).decode()


def claimable_place(token: str, *parameters: str | bool | Sequence[str]) -> ClaimableKey | None:
    """Return the place after which the page starts; None for the empty token.

    Raise `InvalidRequest` for a token of another request.
    """
    if not token:
        return None
    try:
        content = base64.urlsafe_b64decode(token)
        _, period_start = _CLAIMABLE_TOKEN.unpack_from(content)
        last = ClaimableKey(period_start, content[_CLAIMABLE_TOKEN.size :].decode())
    except (binascii.Error, struct.error, ValueError):
        last = None
    if last is None or token != claimable_token(last, *parameters):
        raise InvalidRequest.of("page_token", "does not belong to this request")
    return last


def _fingerprint(parameters: Sequence[str | bool | Sequence[str]]) -> bytes:
    return blake2b(json.dumps(parameters).encode(), digest_size=8).digest()
