"""Removal of our own keys from Redis, and of no others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from shared.cache.errors import CacheUnavailable
from shared.cache.keys import RANKING_TTL_1_S, KeySpace, is_build_key, old_pattern
from shared.cache.redis import Cache, Script

if TYPE_CHECKING:
    import redis

_FORGET = Script("forget_player")
"""Returns 1 if the ranking had the player."""
_PLAYERS = b":players"
SCAN_KEYS = 1_000
"""Keys scanned in one call: a millisecond, in which Redis serves no one else."""
UNUSED_S = 3_600
"""Time for which no process has renewed a key that is not used any more. Processes renew keys every few seconds."""


def keys(cache: Cache, space: KeySpace) -> Iterator[Sequence[bytes]]:
    """Yield all keys of the key space in batches. Keys created or deleted meanwhile may be missing.

    Raise `CacheUnavailable`.
    """
    return _scan(cache, space.pattern)


def clear(cache: Cache, space: KeySpace) -> int:
    """Delete all keys of the key space in the background and return their number. Raise `CacheUnavailable`."""
    return sum(_unlink(cache, batch) for batch in keys(cache, space))


def clear_old_format(cache: Cache, prefix: str) -> int:
    """Delete keys of an earlier release's format that no process uses any more, and return their number.

    While a process of that release runs, it renews the expiry of its keys. Raise `CacheUnavailable`.
    """
    count = 0
    for batch in _scan(cache, old_pattern(prefix)):
        # A build expires by itself within seconds.
        rankings = [key for key in batch if not is_build_key(key)]
        count += _unlink(cache, [key for key in rankings if _ttl_s(cache, key) < RANKING_TTL_1_S - UNUSED_S])
    return count


def forget_player(cache: Cache, space: KeySpace, user_id: str) -> int:
    """Delete a player from all rankings in use and being built, and return their number. Raise `CacheUnavailable`."""
    count = 0
    for pattern in (space.pattern, old_pattern(space.prefix)):
        for batch in _scan(cache, pattern):
            for key in batch:
                if key.endswith(_PLAYERS):
                    count += _forget(cache, key.decode(), user_id)
    return count


def _forget(cache: Cache, players: str, user_id: str) -> int:
    names = [f"{players.removesuffix(_PLAYERS.decode())}:order", players]
    return int(cache.ask(lambda client: _FORGET.run(client, names, [user_id]), for_duty=True))


def _scan(cache: Cache, pattern: str) -> Iterator[Sequence[bytes]]:
    for node in cache.ask(lambda client: list(cache.nodes(client)), for_duty=True):
        yield from _scan_node(cache, node, pattern)


def _scan_node(cache: Cache, node: str, pattern: str) -> Iterator[Sequence[bytes]]:
    cursor = 0
    while True:

        def scan(client: redis.Redis, cursor: int = cursor) -> tuple[int, Sequence[bytes]]:
            nodes = cache.nodes(client)
            if node not in nodes:
                raise CacheUnavailable("a node of the cluster is no primary any more")
            place, found = nodes[node].scan(cursor, match=pattern, count=SCAN_KEYS)
            return int(place), [bytes(key) for key in found if isinstance(key, bytes)]

        cursor, batch = cache.ask(scan, for_duty=True)
        if batch:
            yield batch
        if cursor == 0:
            return


def _unlink(cache: Cache, names: Sequence[bytes]) -> int:
    return int(cache.ask(lambda client: client.unlink(*names), for_duty=True)) if names else 0


def _ttl_s(cache: Cache, key: bytes) -> int:
    return int(cache.ask(lambda client: client.ttl(key)))
