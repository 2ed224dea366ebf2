"""Names and lifetimes of all keys in Redis.

Each name begins with the version of the stored format. A release with another format uses another version, so that old
and new releases never read each other's values. Parts that come from outside are quoted, so that no id can produce the
name of another key. The keys of one ranking share a hash tag, so that scripts can use them together in a cluster.
"""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import quote

from shared.domain.scores import RankingKey

PREFIX = "challenge:1"

MARKER = ""
"""Field of the marker in the hash of players: no player id is empty. Whatever removes the players, such as an eviction,
removes the marker with them.
"""

RANKING_TTL_S = 7 * 24 * 3600
"""Renewed while a service with this leaderboard runs, so that unused rankings expire."""
BUILD_TTL_S = 30
"""Renewed with each batch of scores: a build whose process died can be replaced after this time."""


class RankingKeys(NamedTuple):
    """The keys of one ranking."""

    order: str
    """A sorted set in ranking order."""
    players: str
    """A hash of version and sort key by player, with the ranking's marker under `MARKER`."""


def ranking_keys(ranking: RankingKey) -> RankingKeys:
    """Return the keys of the ranking in use."""
    return _keys(ranking, "")


def build_keys(ranking: RankingKey) -> RankingKeys:
    """Return the keys of the ranking being built beside it. Its marker is the builder's token."""
    return _keys(ranking, ":build")


def key_pattern() -> str:
    """Return a glob pattern that matches all our keys."""
    return f"{PREFIX}:*"


def _keys(ranking: RankingKey, suffix: str) -> RankingKeys:
    prefix = f"{PREFIX}:board:{{{quote(ranking.board_id, safe='')}:{ranking.period_start}}}{suffix}"
    return RankingKeys(f"{prefix}:order", f"{prefix}:players")
