"""The names of all keys in Redis, and how long they live.

Each name begins with the version of what is stored under it: a service that stores something else under it uses another
version, so that old and new ones never read each other's values. Parts that come from outside are quoted, so that no id
can make one name another. The keys of one ranking share a hash tag, so that scripts can use them together in a cluster.
"""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import quote

from shared.domain.scores import RankingKey

PREFIX = "challenge:1"

MARKER = ""
"""The field of a marker: no player's id is empty. It stands beside the players, so that whatever takes them, such as an
eviction for want of memory, takes it too.
"""

RANKING_TTL_S = 7 * 24 * 3600
"""Renewed while a service runs that has the board: what nobody looks after any more goes away by itself."""
BUILD_TTL_S = 30
"""Renewed with every portion: a build whose process died makes room for another one after this."""


class RankingKeys(NamedTuple):
    """What is stored of one ranking."""

    order: str
    """A sorted set in the ranking's order."""
    players: str
    """A hash of what is in the order, by player; under `MARKER` which state it is, without which nothing is used."""


def ranking_keys(ranking: RankingKey) -> RankingKeys:
    """The keys of the ranking in use."""
    return _keys(ranking, "")


def build_keys(ranking: RankingKey) -> RankingKeys:
    """The keys of the ranking that is being built beside it; its marker is the builder's token."""
    return _keys(ranking, ":build")


def key_pattern() -> str:
    """A pattern that all keys match."""
    return f"{PREFIX}:*"


def _keys(ranking: RankingKey, suffix: str) -> RankingKeys:
    board = f"{PREFIX}:board:{{{quote(ranking.board_id, safe='')}:{ranking.period_start}}}{suffix}"
    return RankingKeys(f"{board}:order", f"{board}:players")
