"""Where a claim stands in the queue, at a cost that does not grow with the queue.

Among the first `EXACT` the grants ahead are counted. Beyond them a duty counts the whole queue now and then and marks
every `EXACT`-th place, so that a place is known to lie between two marks. Nothing in the queue carries a number, so
nothing is ever renumbered.
"""

from __future__ import annotations

import time
from typing import NamedTuple
from uuid import UUID

from shared.domain.instant import Instant
from shared.operations.reward_telemetry import RewardTelemetry
from shared.postgres import queue_places
from shared.postgres.connection import Connection
from shared.postgres.database import Database
from shared.runtime.clock import Clock

EXACT = 10_000
COUNT_INTERVAL_S = 15.0
COUNT_S = 20.0
"""Counting a million takes half a second."""
ALL = 2**31 - 1


class Position(NamedTuple):
    """How many grants are ahead, give or take `error`, as of `count_time`."""

    ahead: int
    error: int
    count_time: Instant


def position_of(connection: Connection, grant_id: str, now: Instant) -> Position | None:
    """The position of a grant; None if it does not wait."""
    place = queue_places.place_of(connection, UUID(grant_id), EXACT + 1)
    if place is not None and place.ahead > EXACT:
        if place.mark is not None and place.mark_time is not None and place.mark >= EXACT:
            return Position(place.mark + EXACT // 2, EXACT // 2, place.mark_time)
        # The queue has grown so long since it was last counted.
        place = queue_places.place_of(connection, UUID(grant_id), ALL)
    return None if place is None else Position(place.ahead, 0, now)


def count_queue(database: Database, clock: Clock, telemetry: RewardTelemetry) -> None:
    """The duty: mark places, unless another process does so just now, and show how long the queues are."""
    now = clock()
    deadline = time.monotonic() + COUNT_S
    database.transact(lambda connection: queue_places.make_marks(connection, EXACT, now), deadline)
    telemetry.show_queues(database.autocommit(queue_places.depths, deadline), now)
