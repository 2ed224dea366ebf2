"""Weighted draws without replacement that are pure functions of a seed, so that they can be explained afterwards.

A draw is a ranking: its first k items are a draw of k. Each item gets u, uniform in (0, 1), from a hash of the seed and
its place, and ranks by -ln(u) / weight, ascending. So an item is first with the probability weight / total, and
the order of two items does not depend on the others: if an item is removed, the others keep their order, and the next
one moves up. See Efraimidis and Spirakis, "Weighted random sampling with a reservoir" (2006).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from hashlib import blake2b, shake_128
from heapq import heapify, heappop
from itertools import compress
from math import log
from operator import not_
from struct import unpack
from typing import NamedTuple

WEIGHT_DEFAULT = 1
WEIGHT_MAX = 1_000
NO_REPEAT_MAX = 30
"""Maximum number of periods within which a pool repeats no goal."""


class Weighted(NamedTuple):
    """An item that can be drawn: a goal id, and a weight from 1 to `WEIGHT_MAX`."""

    id: str
    weight: int = WEIGHT_DEFAULT


def seed_of(secret: bytes, *parts: str | int) -> bytes:
    """Return the seed of a draw, 32 bytes. `secret` has at most 64 bytes.

    Parts are hashed with their lengths, so ("a", "bc") and ("ab", "c") are different seeds. An integer is the same part
    as its decimal text. Only with the secret can a seed be predicted.
    """
    digest = blake2b(digest_size=32, key=secret)
    for part in parts:
        text = str(part).encode()
        digest.update(len(text).to_bytes(4, "big") + text)
    return digest.digest()


def seed_id(seed: bytes) -> str:
    """Return a text that identifies a seed without revealing it, for logs and explanations."""
    return blake2b(seed, digest_size=8, person=b"seed id").hexdigest()


def ranked(places: Iterable[int], weights: Sequence[int], seed: bytes) -> Iterator[int]:
    """Yield places in the order of the seed's draw, ascending by -ln(u) / weight.

    `weights` are those of all places, from 1 to `WEIGHT_MAX`. Each place takes its u from the same bytes of one hash,
    so the order of two places does not depend on which others are asked for. Equal keys rank by place.

    Equal on every platform, except that a logarithm may differ in its last bit there: two keys would have to agree in
    50 bits for that to matter. The first few of 500 take 0.15 ms.
    """
    count = len(weights)
    numbers = unpack(f">{count}Q", shake_128(seed).digest(8 * count))
    # The top 52 bits and a half: exactly representable, never 0 and never 2^52.
    keys = [((_LOG - log((numbers[place] >> 12) + 0.5)) / weights[place], place) for place in places]
    # Mostly the first few are asked for: a heap gives them before everything is sorted.
    heapify(keys)
    while keys:
        yield heappop(keys)[1]


class PeriodDraw:
    """The draws of one pool in one period, for all players.

    An item's turn comes in every period whose number has the item's residue modulo `no_repeat` + 1, so what has its
    turn does not repeat within that many periods. Items that have their turn come first; the others fill up a selection
    that they cannot, and may repeat.

    Items take their u by their places in the order of ids, so that it does not matter in which order they are given.
    A draw of 3 of 50 items takes 25 µs.
    """

    def __init__(self, items: Iterable[Weighted], present: Collection[str], number: int, no_repeat: int) -> None:
        """Only `present` items are drawn. The others keep their places, so that they do not change the draw of those.

        `number` is that of the period. It grows by one from each period to the next.
        """
        found = sorted(items)
        self._number, self._modulus = number, no_repeat + 1
        self._ids = [item.id for item in found]
        self._weights = [item.weight for item in found]
        self._present = [place for place, item in enumerate(found) if item.id in present]
        self._hashed = [_number(blake2b(self._ids[place].encode(), digest_size=8).digest()) for place in self._present]

    def order(self, secret: bytes, user_id: str, pool_id: str) -> Iterator[str]:
        """Yield the ids in the order in which the pool gives them to a player. The first k are a selection of k."""
        seed = seed_of(secret, "period", user_id, pool_id, self._number)
        modulus = self._modulus
        if modulus == 1:
            yield from self._ranked(self._present, seed)
            return
        # A linear hash over a prime field: the turns of any two items are independent.
        turns = seed_of(secret, "turn", user_id, pool_id)
        factor, shift = 1 + _number(turns[:8]) % (_PRIME - 1), _number(turns[8:16])
        turn = self._number % modulus
        has_turn = [(factor * hashed + shift) % _PRIME % modulus == turn for hashed in self._hashed]
        yield from self._ranked(compress(self._present, has_turn), seed)
        # Only small pools come to this.
        yield from self._ranked(compress(self._present, map(not_, has_turn)), seed)

    def _ranked(self, places: Iterable[int], seed: bytes) -> Iterator[str]:
        return map(self._ids.__getitem__, ranked(places, self._weights, seed))


_PRIME = 2**61 - 1
_LOG = log(2**52)


def _number(hashed: bytes) -> int:
    return int.from_bytes(hashed, "big")
