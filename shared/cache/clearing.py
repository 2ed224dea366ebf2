"""Removal of our own keys from Redis, and of no others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import redis

from shared.cache.keys import key_pattern
from shared.cache.redis import Cache

SCAN_KEYS = 1_000
"""Keys scanned in one call: a millisecond, in which Redis serves no one else."""


def keys(cache: Cache) -> Iterator[Sequence[bytes | str]]:
    """Yield all our keys in batches. Keys created or deleted meanwhile may be missing. Raise `CacheUnavailable`."""
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
