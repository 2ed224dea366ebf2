"""Page tokens: opaque, and valid only for the request that they were made for.

A token is a fingerprint of the request's parameters and the place where the page starts.
"""

from __future__ import annotations

import base64
import binascii
import json
import struct
from collections.abc import Callable, Sequence
from hashlib import blake2b
from typing import TypeAlias, TypeVar
from uuid import UUID

from shared.domain.errors import InvalidRequest
from shared.domain.instant import Instant
from shared.operations.rewards.list_claimable import ClaimableKey

Parameter: TypeAlias = str | bool | Sequence[str]
T = TypeVar("T")

_FINGERPRINT_BYTES = 8
_POSITION = struct.Struct(">I")
_PERIOD_POSITION = struct.Struct(">Iq")
_INSTANT = struct.Struct(">q")


def page_token(position: int, *parameters: Parameter) -> str:
    """Return the token of the page that starts at a position, for a request with these parameters."""
    return _token(_POSITION.pack(position), parameters)


def page_position(token: str, *parameters: Parameter) -> int:
    """Return the position where the page starts; 0 for the empty token.

    Raise `InvalidRequest` for a token of another request.
    """
    return _place(token, parameters, lambda place: int(_POSITION.unpack(place)[0])) if token else 0


def period_token(position: int, period_start: Instant, *parameters: Parameter) -> str:
    """Return the token of the page that starts at a position, in the ranking of one period."""
    return _token(_PERIOD_POSITION.pack(position, period_start), parameters)


def period_position(token: str, *parameters: Parameter) -> tuple[int, Instant | None]:
    """Return the position where the page starts, and the start of its period; 0 and None for the empty token.

    Raise `InvalidRequest` for a token of another request.
    """
    if not token:
        return 0, None
    position, period_start = _place(token, parameters, _PERIOD_POSITION.unpack)
    return position, period_start


def cursor_token(last: UUID, *parameters: Parameter) -> str:
    """Return the token of the page that starts after the entry with this id, for a request with these parameters."""
    return _token(last.bytes, parameters)


def cursor(token: str, *parameters: Parameter) -> UUID | None:
    """Return the id of the entry after which the page starts; None for the empty token.

    Raise `InvalidRequest` for a token of another request.
    """
    return _place(token, parameters, lambda place: UUID(bytes=place)) if token else None


def claimable_token(last: ClaimableKey, *parameters: Parameter) -> str:
    """Return the token of the page that starts after this place, for a request with these parameters."""
    place = _INSTANT.pack(last.period_start)
    if last.occurrence == 1:
        return _token(place + last.goal_id.encode(), parameters)
    return _token(place + _POSITION.pack(last.occurrence) + last.goal_id.encode(), (*parameters, _REPEATED))


def claimable_place(token: str, *parameters: Parameter) -> ClaimableKey | None:
    """Return the place after which the page starts; None for the empty token.

    Raise `InvalidRequest` for a token of another request.
    """
    if not token:
        return None
    try:
        return _place(token, (*parameters, _REPEATED), _repeated_key)
    except InvalidRequest:
        return _place(token, parameters, _claimable_key)


_REPEATED = True
"""A further parameter of tokens with an occurrence, by which they differ from those without."""


def _claimable_key(place: bytes) -> ClaimableKey:
    return ClaimableKey(_INSTANT.unpack_from(place)[0], place[_INSTANT.size :].decode())


def _repeated_key(place: bytes) -> ClaimableKey:
    (start,), (occurrence,) = _INSTANT.unpack_from(place), _POSITION.unpack_from(place, _INSTANT.size)
    return ClaimableKey(start, place[_INSTANT.size + _POSITION.size :].decode(), occurrence)


def _token(place: bytes, parameters: Sequence[Parameter]) -> str:
    return base64.urlsafe_b64encode(_fingerprint(parameters) + place).decode()


def _place(token: str, parameters: Sequence[Parameter], parse: Callable[[bytes], T]) -> T:
    """Return the place in a token. Raise `InvalidRequest` unless exactly this token was issued for the request."""
    try:
        place = base64.urlsafe_b64decode(token)[_FINGERPRINT_BYTES:]
        # Decoding ignores some invalid characters.
        if token == _token(place, parameters):
            return parse(place)
    except (binascii.Error, struct.error, ValueError):
        pass
    raise InvalidRequest.of("page_token", "does not belong to this request")


def _fingerprint(parameters: Sequence[Parameter]) -> bytes:
    return blake2b(json.dumps(parameters).encode(), digest_size=_FINGERPRINT_BYTES).digest()
