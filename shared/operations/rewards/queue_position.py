"""Where a claim stands in the queue, at a cost that does not grow with the queue.

Among the first `EXACT` the grants ahead are counted. Beyond them a duty counts the whole queue now and then and marks
every `EXACT`-th place, so that a place is known to lie between two marks. Nothing in the queue carries a number, so
nothing is ever renumbered.
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
FAR = 10 * EXACT
"""A grant that stood so far back when the queue was last counted is not among the first `EXACT` by now."""
COUNT_INTERVAL_S = 15.0
COUNT_S = 20.0
"""Counting a million takes two seconds, and four before vacuum has seen them."""
NEWLY_LONG = 3 * EXACT
"""So far is counted where the last count says nothing, because the queue was not that long or was never counted."""


class Position(NamedTuple):
    """How many grants are ahead, give or take `error`, as of `count_time`."""

    ahead: int
    error: int
    count_time: Instant


def position_of(connection: Connection, grant_id: str, now: Instant) -> Position | None:
    """The position of a grant; None if it does not wait, or stands further back than the last count tells."""
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
    # Counting on and on for everybody who asks would be an overload of our own making: the duty counts soon.
    ahead = queue_marks.count_ahead(connection, asked, NEWLY_LONG + 1)
    return Position(ahead, 0, now) if ahead <= NEWLY_LONG else None


def count_queue(database: Database, clock: Clock, telemetry: RewardTelemetry) -> None:
    """The duty: mark places and show how long the queues are.

    However many processes do this, the queue is counted once in an interval: the others show what that one counted.
    """
    now = clock()
    since = now - int(COUNT_INTERVAL_S * SECOND / 2)
    deadline = time.monotonic() + COUNT_S
    database.transact(lambda connection: queue_marks.make_marks(connection, EXACT, now, since), deadline)
    telemetry.show_queues(database.autocommit(queue_marks.depths, deadline), now)
