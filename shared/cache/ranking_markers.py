"""Which state of a ranking in Redis may be believed."""

from __future__ import annotations

from collections.abc import Mapping

from shared.cache.redis import Cache
from shared.domain.instant import Instant
from shared.domain.scores import RankingKey


class RankingMarkers:
    """Knows the markers of rankings that have missed nothing.

    A marker is the board's epoch and the run id of the Redis that it was built on. The epoch rises in Postgres when
    changes could not be kept for Redis; the run id is another one after Redis was restarted, with whatever it has
    loaded from its disk. A ranking with another marker is not used, and built again.
    """

    def __init__(self, cache: Cache) -> None:
        self._cache = cache
        self._epochs: Mapping[str, int] = {}
        self.fresh_at: Instant | None = None
        """Whatever was committed before this instant is in every ranking that may be believed; None: not known."""

    def set_epochs(self, epochs: Mapping[str, int], fresh_at: Instant | None = None) -> None:
        """Take the boards' epochs, by board id, as Postgres has them now."""
        self._epochs = epochs
        self.fresh_at = fresh_at

    def marker_of(self, ranking: RankingKey) -> str | None:
        """The marker that the ranking must have to be believed; None while that is not known."""
        epoch, run_id = self._epochs.get(ranking.board_id), self._cache.run_id
        return None if epoch is None or run_id is None else f"{epoch}:{run_id}"
