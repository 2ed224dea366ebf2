"""Names and lifetimes of all keys in Redis.

A name begins with the deployment's prefix, the version of the stored format and the key of the database. So deployments
that share a Redis, and a database before and after a restore, never read each other's values; nor do releases with
different formats. Parts that come from outside are quoted, so that no id can produce the name of another key. The keys
of one ranking share a hash tag, so that scripts can use them together in a cluster.
"""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import quote

from shared.domain.scores import RankingKey

APPLICATION = "challenge"
FORMAT = 2
"""Version of the stored format. Keys of format 1 did not name the database."""

PREFIX_LENGTH_MAX = 64
PREFIX_PATTERN = re.compile(rf"[A-Za-z0-9_.:-]{{0,{PREFIX_LENGTH_MAX}}}")

MARKER = ""
"""Field of the marker in the hash of players: no player id is empty. Whatever removes the players, such as an eviction,
removes the marker with them.
"""

RANKING_TTL_S = 24 * 3600
"""Renewed while a service with this leaderboard runs, so that unused rankings expire."""
RANKING_TTL_1_S = 7 * 24 * 3600
"""The same in format 1."""
BUILD_TTL_S = 30
"""Renewed with each batch of scores: a build whose process died can be replaced after this time."""

_BUILD = ":build"


class RankingKeys(NamedTuple):
    """The keys of one ranking."""

    order: str
    """A sorted set in ranking order."""
    players: str
    """A hash of version and sort key by player, with the ranking's marker under `MARKER`."""


class KeySpace(NamedTuple):
    """The names of one deployment's keys, while its database has one key."""

    prefix: str
    database_key: str

    def ranking(self, ranking: RankingKey) -> RankingKeys:
        """Return the keys of the ranking in use."""
        return self._keys(ranking, "")

    def build(self, ranking: RankingKey) -> RankingKeys:
        """Return the keys of the ranking being built beside it. Its marker is the builder's token."""
        return self._keys(ranking, _BUILD)

    def of_the_release_before(self, ranking: RankingKey) -> list[str]:
        """Return the keys of the ranking in format 1, in use and being built.

        While processes of that release run, their rankings need the scores that this release stores, too.
        """
        if self.prefix:
            return []
        name = f"{APPLICATION}:1:{_name(ranking)}"
        return [f"{name}{suffix}:{kind}" for suffix in ("", _BUILD) for kind in RankingKeys._fields]

    @property
    def pattern(self) -> str:
        """A glob pattern that matches all keys of this key space, and no others."""
        return f"{self._start}*"

    @property
    def _start(self) -> str:
        return f"{self.prefix}{APPLICATION}:{FORMAT}:{self.database_key}:"

    def _keys(self, ranking: RankingKey, suffix: str) -> RankingKeys:
        name = f"{self._start}{_name(ranking)}{suffix}"
        return RankingKeys(f"{name}:order", f"{name}:players")


def _name(ranking: RankingKey) -> str:
    return f"board:{{{hash_tag(ranking)}}}"


def hash_tag(ranking: RankingKey) -> str:
    """Return the part of a ranking's keys that decides their slot in a cluster."""
    return f"{quote(ranking.board_id, safe='')}:{ranking.period_start}"


def probe_key(prefix: str) -> str:
    """Return the key that the probe writes."""
    return f"{prefix}{APPLICATION}:{FORMAT}:probe"


def old_pattern(prefix: str) -> str:
    """Return a glob pattern that matches the keys of format 1."""
    return f"{prefix}{APPLICATION}:1:*"


def is_build_key(key: bytes) -> bool:
    """Return whether a key belongs to a build, in any format."""
    return key.endswith((f"{_BUILD}:order".encode(), f"{_BUILD}:players".encode()))
