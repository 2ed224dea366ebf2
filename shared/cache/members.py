"""Encoding of scores in Redis, such that byte order is ranking order.

A sorted set orders by a double, which is exact up to 2^53 only, and then by the bytes of the member. So all members
have the same double and begin with 16 bytes: the score and the instant at which it was reached, each as an unsigned
big-endian number that is smaller for better players. The player's id follows and breaks the remaining ties.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

from shared.domain.acceptance import ID_LENGTH_MAX
from shared.domain.instant import Instant

_OFFSET = 2**63
_SORT_KEY = struct.Struct(">QQ")
_VERSION = struct.Struct(">Q")

SORT_KEY_BYTES = 16
STORED_BYTES = 24
"""Bytes of a version and a sort key."""
MEMBER_BYTES_MAX = SORT_KEY_BYTES + 4 * ID_LENGTH_MAX
"""A longer member belongs to no player. `read_ranking.lua` has the same bound."""


class Undecodable(Exception):
    """Redis holds a value that cannot be decoded."""


class Member(NamedTuple):
    """One member of a ranking's sorted set."""

    user_id: str
    score: int
    reached_time: Instant


def sort_key_of(score: int, reached_time: Instant, *, ascending: bool) -> bytes:
    """Return the 16 bytes that a member begins with. Scores and instants are 64-bit numbers."""
    return _SORT_KEY.pack(_sorted(score, ascending), reached_time + _OFFSET)


def version_of(version: int) -> bytes:
    """Return the version as 8 bytes, big-endian."""
    return _VERSION.pack(version)


def version_in(stored: bytes) -> int:
    """Return the version in the hash of players. Raise `Undecodable`."""
    if len(stored) != STORED_BYTES:
        raise Undecodable
    return int(_VERSION.unpack_from(stored)[0])


def member_of(raw: object, *, ascending: bool) -> Member:
    """Decode a member of a ranking's sorted set. Raise `Undecodable` if it is not one that this code writes."""
    if not isinstance(raw, bytes) or not SORT_KEY_BYTES < len(raw) <= MEMBER_BYTES_MAX:
        raise Undecodable
    score_part, time_part = _SORT_KEY.unpack_from(raw)
    try:
        user_id = raw[SORT_KEY_BYTES:].decode()
    except UnicodeDecodeError:
        raise Undecodable from None
    score = score_part - _OFFSET if ascending else _OFFSET - 1 - score_part
    return Member(user_id, score, time_part - _OFFSET)


def _sorted(score: int, ascending: bool) -> int:
    return score + _OFFSET if ascending else _OFFSET - 1 - score
