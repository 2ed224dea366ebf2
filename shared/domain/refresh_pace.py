"""The pace at which the rankings that serve reads without Redis follow changes of scores."""

from __future__ import annotations

from shared.domain.instant import SECOND, Instant, Microseconds

CHANGES_ENOUGH = 1_000
"""Changed scores that are ranked at once."""
PATIENCE: Microseconds = 10 * SECOND
"""Time after which fewer changed scores are ranked, in microseconds."""
IDLE_INTERVAL: Microseconds = 60 * SECOND
"""Time after which rankings without changes are noted to be up to date."""


def is_due(now: Instant, changes: int, finish_time: Instant | None) -> bool:
    """Return whether changed scores are due to be ranked.

    `finish_time` is when there was last nothing left to rank in any process; None if never. A time to come is by a
    clock that was set back since, or is ahead of others.
    """
    if finish_time is None or changes >= CHANGES_ENOUGH:
        return True
    return not 0 <= now - finish_time < (PATIENCE if changes else IDLE_INTERVAL)
