"""Position of a claim in the queue, at a cost that does not grow with the queue.

Among the first `EXACT` grants, those ahead are counted. Beyond that, a duty counts the whole queue at intervals and
marks every `EXACT`-th place, so that a position is known to lie between two marks. Grants in the queue carry no
numbers, so they are never renumbered.
"""

from __future__ import annotations

import time
from typing import NamedTuple
from uuid import UUID

from shared.domain.instant import SECOND, Instant
from shared.operations.rewards.reward_telemetry import RewardTelemetry
from shared.postgres.connection import Connection
from shared.postgres.database import Database
from shared.postgres.rewards import queue_marks
from shared.runtime.clock import Clock

EXACT = 10_000
"""Positions up to this one are exact. It is also the distance of marks."""
FAR = 10 * EXACT
"""A grant at this place in the last count cannot be among the first `EXACT` yet."""
COUNT_INTERVAL_S = 15.0
COUNT_TIMEOUT_S = 20.0
"""A count of a million grants takes two seconds, and four before they are vacuumed."""
NEWLY_LONG = 3 * EXACT
"""Bound of counting for one call where the last count has no mark, because the queue was shorter or never counted."""


class Position(NamedTuple):
    """Number of grants ahead, within plus or minus `error`, as of `count_time`."""

    ahead: int
    error: int
    count_time: Instant


def position_of(connection: Connection, grant_id: str, now: Instant) -> Position | None:
    """Return the position of a grant; None if it does not wait, or is beyond the last count."""
    asked = UUID(grant_id)
    mark = queue_marks.last_mark(connection, asked)
    if mark is None:
        return None
    marked = Position(mark.place + EXACT // 2, EXACT // 2, mark.count_time)
    if mark.place >= FAR:
        return marked
    ahead = queue_marks.count_ahead(connection, asked, EXACT + 1)
    if ahead <= EXACT:
        return Position(ahead, 0, now)
    if mark.place >= EXACT:
        return marked
    # Counting further for every call would overload the database. The duty counts soon.
    ahead = queue_marks.count_ahead(connection, asked, NEWLY_LONG + 1)
    return Position(ahead, 0, now) if ahead <= NEWLY_LONG else None


def count_queue(database: Database, clock: Clock, telemetry: RewardTelemetry) -> None:
    """Mark places and export the lengths of the queues.

    However many processes do this, the queue is counted once per interval. The others export the same count.
    """
    now = clock()
    since = now - int(COUNT_INTERVAL_S * SECOND / 2)
    deadline = time.monotonic() + COUNT_TIMEOUT_S
    try:
        database.transact(lambda connection: queue_marks.make_marks(connection, EXACT, now, since), deadline)
        depths = database.autocommit(queue_marks.depths, deadline)
    except Exception:
        # The last lengths would look as if nothing were wrong.
        telemetry.export_unknown_queues()
        raise
    telemetry.export_queues(depths, now)
