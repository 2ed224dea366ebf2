"""Clearing Redis of what this system stored there, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import redis

from shared.cache.keys import key_pattern
from shared.cache.redis import Cache

SCAN_KEYS = 1_000
"""Looked at in one call: a millisecond, for which Redis answers nobody else."""


def keys(cache: Cache) -> Iterator[Sequence[bytes | str]]:
    """All keys of ours, in portions; those that come or go meanwhile may be missing. Raises `CacheUnavailable`."""
    cursor = 0
    while True:

        def scan(client: redis.Redis, cursor: int = cursor) -> tuple[int, Sequence[bytes | str]]:
            place, found = client.scan(cursor, match=key_pattern(), count=SCAN_KEYS)
            return int(place), found

        cursor, portion = cache.ask(scan)
        if portion:
            yield portion
        if cursor == 0:
            return


def clear(cache: Cache) -> int:
    """Delete all our keys in the background and return their number. Raise `CacheUnavailable`."""
    count = 0
    for portion in keys(cache):
        count += int(cache.ask(lambda client, portion=portion: client.unlink(*portion)))  # type: ignore[misc]
    return count
