"""Positions of messages as ids of events."""

from __future__ import annotations

from hashlib import blake2b

from shared.domain.acceptance import EVENT_ID_LENGTH_MAX

_OFFSET_DIGITS = 19
"""Digits of the largest offset, below 2^63."""


def position_prefix(*parts: str | int) -> str:
    """Return what stands before the offset in the positions of a partition: `topic:partition:`, or `stream:`.

    If positions could become longer than the id of an event, the hash of the name takes its place.
    """
    name, *rest = map(str, parts)
    prefix = ":".join([name, *rest, ""])
    if len(prefix) + _OFFSET_DIGITS <= EVENT_ID_LENGTH_MAX:
        return prefix
    return ":".join([blake2b(name.encode(), digest_size=12).hexdigest(), *rest, ""])
