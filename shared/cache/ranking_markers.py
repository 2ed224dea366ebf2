"""Markers: which rankings in Redis are complete and may be trusted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from shared.cache.keys import KeySpace
from shared.cache.redis import Cache
from shared.domain.database_identity import DatabaseIdentity
from shared.domain.instant import Instant
from shared.domain.scores import RankingKey


class Marker(NamedTuple):
    """The marker of a complete ranking."""

    epoch: int
    """The leaderboard's epoch. It rises in Postgres when changes could not be kept for Redis."""
    run_id: str
    """The run id of the Redis server that has the ranking. It changes at a restart, which may have loaded an old state
    from disk, where another node takes over, and where a server takes over again."""
    timeline: str
    """The timeline of the Postgres server. It changes when the newest transactions may have been lost."""

    def __str__(self) -> str:
        return f"{self.epoch}:{self.run_id}:{self.timeline}"

    def differs_in_timeline(self, found: bytes | None) -> bool:
        """Return whether a stored marker is the same but for the timeline."""
        parts = (found or b"").decode(errors="replace").split(":")
        return parts[:2] == [str(self.epoch), self.run_id] and parts[2:] != [self.timeline]


class Trusted(NamedTuple):
    """The place of a ranking, and the marker with which it may be trusted."""

    keys: KeySpace
    marker: Marker
    fresh_at: Instant | None
    """Everything committed before this instant is in the ranking if it has the marker. None if not known."""


class _Known(NamedTuple):
    keys: KeySpace
    timeline: str
    epochs: Mapping[str, int]
    fresh_at: Instant | None


class RankingMarkers:
    """The marker that each complete ranking carries. A ranking with any other marker is ignored and rebuilt."""

    def __init__(self, cache: Cache) -> None:
        self._cache = cache
        self._known: _Known | None = None

    def set_known(self, identity: DatabaseIdentity, epochs: Mapping[str, int], fresh_at: Instant | None = None) -> None:
        """Set the database's identity and the epochs by leaderboard id, as they are in Postgres now."""
        self._known = _Known(KeySpace(self._cache.prefix, identity.key), identity.timeline, epochs, fresh_at)

    @property
    def keys(self) -> KeySpace | None:
        """The names of keys; None while the database's identity is unknown."""
        known = self._known
        return None if known is None else known.keys

    def of(self, ranking: RankingKey) -> Trusted | None:
        """Return what is to be trusted; None while the identity, the epoch or the Redis server is unknown."""
        known, run_id = self._known, self._cache.run_id_of(ranking)
        epoch = None if known is None else known.epochs.get(ranking.board_id)
        if known is None or run_id is None or epoch is None:
            return None
        return Trusted(known.keys, Marker(epoch, run_id, known.timeline), known.fresh_at)
