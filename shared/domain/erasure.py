"""The list of erased players, which is kept outside of the database: it names them by keyed hashes alone."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from typing import NamedTuple

KEY_BYTES_MIN = 16
"""Least length of the key: ids of players can be guessed, so the hashes must not be computable without it."""


PSEUDONYM_DIGITS = 16
"""Hexadecimal digits of a pseudonym."""
_PSEUDONYM = re.compile(rf"erased-[0-9a-f]{{{PSEUDONYM_DIGITS}}}")
_HASH = re.compile("[0-9a-f]{64}")


class Listed(NamedTuple):
    """A line of the list."""

    player_hash: str
    """HMAC-SHA256 of the player's id, in hexadecimal digits."""
    pseudonym: str
    key_hash: str | None = None
    """The hash of the key of the other hash; None in lines of releases that did not write it."""


def player_hash(user_id: str, key: bytes) -> str:
    """Return the keyed hash of a player's id."""
    return hmac.new(key, user_id.encode(), hashlib.sha256).hexdigest()


def key_hash(key: bytes) -> str:
    """Return a hash by which keys are told apart. It is none of a player, whose id is not empty."""
    return player_hash("", key)


def pseudonym_of(digits: str) -> str:
    """Return the pseudonym with these hexadecimal digits."""
    return f"erased-{digits}"


def line_of(listed: Listed) -> str:
    """Return a line of the list."""
    return json.dumps({name: value for name, value in listed._asdict().items() if value is not None})


def read_line(line: str) -> Listed:
    """Return what a line of the list says. Raise ValueError if it is none."""
    try:
        document = json.loads(line)
        found = Listed(document["player_hash"], document["pseudonym"], document.get("key_hash"))
    except (TypeError, KeyError) as missing:
        raise ValueError(f"is no line of a list of erased players: {missing}") from None
    if not all(isinstance(each, str) for each in (found.player_hash, found.pseudonym, found.key_hash or "")):
        raise ValueError("is no line of a list of erased players")
    if _HASH.fullmatch(found.player_hash) is None:
        raise ValueError("player_hash: is not 64 hexadecimal digits")
    if found.key_hash is not None and _HASH.fullmatch(found.key_hash) is None:
        raise ValueError("key_hash: is not 64 hexadecimal digits")
    if _PSEUDONYM.fullmatch(found.pseudonym) is None:
        raise ValueError(f"pseudonym: is not erased- and {PSEUDONYM_DIGITS} hexadecimal digits")
    return found
