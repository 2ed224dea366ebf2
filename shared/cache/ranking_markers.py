"""Markers: which rankings in Redis are complete and may be trusted."""

from __future__ import annotations

from collections.abc import Mapping

from shared.cache.redis import Cache
from shared.domain.instant import Instant
from shared.domain.scores import RankingKey


class RankingMarkers:
    """The marker that each complete ranking carries.

    A marker consists of the leaderboard's epoch and the run id of the Redis server that the ranking was built on. The
    epoch rises in Postgres when changes could not be kept for Redis. The run id changes when the server is restarted,
    because it may then have loaded an old state from its disk. A ranking with any other marker is ignored and rebuilt.
    """

    def __init__(self, cache: Cache) -> None:
        self._cache = cache
        self._epochs: Mapping[str, int] = {}
        self.fresh_at: Instant | None = None
        """Everything committed before this instant is in every trusted ranking. None if not known."""

    def set_epochs(self, epochs: Mapping[str, int], fresh_at: Instant | None = None) -> None:
        """Set the epochs as they are in Postgres now, by leaderboard id."""
        self._epochs = epochs
        self.fresh_at = fresh_at

    def marker_of(self, ranking: RankingKey) -> str | None:
        """Return the marker of a complete ranking; None while the epoch or the Redis server is unknown."""
        epoch, run_id = self._epochs.get(ranking.board_id), self._cache.run_id
        return None if epoch is None or run_id is None else f"{epoch}:{run_id}"
