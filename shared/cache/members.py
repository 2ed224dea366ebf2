"""How a score is written in Redis, so that the order of bytes is the order of the ranking.

A sorted set orders by a double, which is exact up to 2^53 only, and then by the bytes of the member. So all members
have the same double, and begin with 16 bytes: the score and the instant at which it was reached, each as an unsigned
big-endian number that is the smaller the further in front it belongs. The player's id follows and orders what is left.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

from shared.domain.instant import Instant

_OFFSET = 2**63
_PLACE = struct.Struct(">QQ")
_VERSION = struct.Struct(">Q")

SCORE_BYTES = 8
PLACE_BYTES = 16


class Undecodable(Exception):
    """Redis holds something that was not written here."""


class Member(NamedTuple):
    """One member of a ranking's sorted set."""

    user_id: str
    score: int
    reached_time: Instant


def place_of(score: int, reached_time: Instant, *, ascending: bool) -> bytes:
    """The 16 bytes that a member begins with. Scores and instants are 64-bit numbers."""
    return _PLACE.pack(_sorted(score, ascending), reached_time + _OFFSET)


def version_of(version: int) -> bytes:
    """8 bytes, big-endian."""
    return _VERSION.pack(version)


def member_of(raw: object, *, ascending: bool) -> Member:
    """What a member says. Raises `Undecodable`."""
    if not isinstance(raw, bytes) or len(raw) <= PLACE_BYTES:
        raise Undecodable
    place, reached = _PLACE.unpack_from(raw)
    try:
        user_id = raw[PLACE_BYTES:].decode()
    except UnicodeDecodeError:
        raise Undecodable from None
    score = place - _OFFSET if ascending else _OFFSET - 1 - place
    return Member(user_id, score, reached - _OFFSET)


def _sorted(score: int, ascending: bool) -> int:
    return score + _OFFSET if ascending else _OFFSET - 1 - score
