"""Weighted draws without replacement that are pure functions of a seed, so that they can be explained afterwards.

A draw is a ranking: its first k items are a draw of k. Each item gets u, uniform in (0, 1), from a hash of the seed and
the item, and ranks by -ln(u) / weight, ascending. So an item is first with the probability weight / sum of weights, and
the order of two items does not depend on the others: if an item is removed, the others keep their order, and the next
one moves up. See Efraimidis and Spirakis, "Weighted random sampling with a reservoir" (2006).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from hashlib import blake2b
from itertools import compress
from math import log
from operator import not_
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
    as its decimal text. Nobody who does not know the secret can predict a seed.
    """
    digest = blake2b(digest_size=32, key=secret)
    for part in parts:
        text = str(part).encode()
        digest.update(len(text).to_bytes(4, "big") + text)
    return digest.digest()


def seed_id(seed: bytes) -> str:
    """Return a text that identifies a seed without revealing it, for logs and explanations."""
    return blake2b(seed, digest_size=8, person=b"seed id").hexdigest()


def ranked(items: Iterable[Weighted], seed: bytes) -> list[str]:
    """Return the ids of the items in the order of the seed's draw.

    Equal on every platform, except that a logarithm may differ in its last bit there: two keys would have to agree in
    50 bits for that to matter. Equal keys rank by id.
    """
    # The top 52 bits and a half: exactly representable, never 0 and never 1.
    keys = [
        (
            -log(((int.from_bytes(blake2b(seed + item.encode(), digest_size=8).digest(), "big") >> 12) + 0.5) / 2**52)
            / weight,
            item,
        )
        for item, weight in items
    ]
    keys.sort()
    return [item for _, item in keys]


def _residue(item: str, seed: bytes, modulus: int) -> int:
    """Return an integer from 0 to `modulus` - 1, the same for each draw of the seed."""
    return int.from_bytes(blake2b(seed + item.encode(), digest_size=8).digest(), "big") % modulus


def drawn_for_period(
    items: Sequence[Weighted], secret: bytes, player_and_pool: tuple[str, str], period: int, no_repeat: int
) -> Iterator[str]:
    """Yield ids in the order in which a pool gives them to a player in a period. The first k are a selection of k.

    `period` is a number that grows by one from each period to the next. An item's turn comes in every period whose
    number has the item's residue modulo `no_repeat` + 1, so what has its turn does not repeat within that many periods.
    Items that have their turn come first; the others fill up a selection that they cannot, and may repeat.
    """
    seed = seed_of(secret, "period", *player_and_pool, period)
    if not no_repeat:
        yield from ranked(items, seed)
        return
    turns, modulus = seed_of(secret, "turn", *player_and_pool), no_repeat + 1
    turn = period % modulus
    has_turn = [_residue(item.id, turns, modulus) == turn for item in items]
    yield from ranked(compress(items, has_turn), seed)
    # Only small pools come to this.
    yield from ranked(compress(items, map(not_, has_turn)), seed)
