"""What a player's events of one stat add up to.

A tally is a commutative monoid: `merge` is associative and commutative and `Tally()` is its identity, so events may be
folded in any order and in any portions. `merge_tallies` in `shared/postgres/sql/tally.sql` is the same merge in the
database; a property test holds one against the other.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from shared.domain.catalogue import Counting, Stat
from shared.domain.events import Event
from shared.domain.instant import DAY, Day, Instant

SUM_MAX = 2**62
"""Where sums saturate: half of what a bigint holds, so that the comparison itself cannot overflow."""

LIFETIME = "lifetime"
"""The schedule of a tally that never starts anew."""
LIFETIME_START: Instant = 0
"""The lifetime's `period_start`: finite, so that it can be part of a key."""


class TallyKey(NamedTuple):
    """Which tally. The order of keys is the order in which transactions lock them."""

    user_id: str
    stat: Stat
    schedule: str = LIFETIME
    period_start: Instant = LIFETIME_START


class Measures(NamedTuple):
    """The numbers of a tally that never fall. Completion is judged by these alone, so no order matters."""

    sum: int = 0
    events: int = 0
    highest: int | None = None
    day_count: int = 0

    def judged_by(self, counting: Counting) -> int:
        """The number that is held against a target; 0 where nothing was counted yet."""
        if counting is Counting.SUM:
            return self.sum
        if counting is Counting.EVENTS:
            return self.events
        if counting is Counting.DAYS:
            return self.day_count
        return self.highest or 0


@dataclass(slots=True)
class Tally:
    """Sum and number of events, the newest and the greatest value, and the days on which something happened."""

    sum: int = 0
    """Saturates at `SUM_MAX`."""
    events: int = 0
    latest: int | None = None
    """The value with the newest time; of two at one instant the greater."""
    latest_time: Instant | None = None
    highest: int | None = None
    days: set[Day] = field(default_factory=set)
    """Empty for a stat that is not counted by day."""

    def add(self, event: Event, by_day: bool) -> None:
        """Count one event; `by_day` says whether the stat is counted by day."""
        self.events += 1
        if event.delta:
            self.sum = min(self.sum + event.delta, SUM_MAX)
        if event.value is not None:
            self._see(event.value, event.time)
        if by_day:
            self.days.add(event.time // DAY)

    def merge(self, other: Tally) -> None:
        """Add what another tally holds."""
        self.sum = min(self.sum + other.sum, SUM_MAX)
        self.events += other.events
        if other.latest is not None and other.latest_time is not None:
            self._see(other.latest, other.latest_time)
        if other.highest is not None and (self.highest is None or other.highest > self.highest):
            self.highest = other.highest
        self.days |= other.days

    def _see(self, value: int, time: Instant) -> None:
        if self.highest is None or value > self.highest:
            self.highest = value
        if self.latest is None or self.latest_time is None or (time, value) > (self.latest_time, self.latest):
            self.latest, self.latest_time = value, time

    @property
    def measures(self) -> Measures:
        """The numbers that completion is judged by."""
        return Measures(self.sum, self.events, self.highest, len(self.days))


def fold(events: Iterable[Event], day_counted: Collection[Stat]) -> dict[TallyKey, Tally]:
    """What these events add to each tally; `day_counted` are the stats whose tallies keep days."""
    tallies: dict[tuple[str, Stat], Tally] = {}
    for event in events:
        key = (event.user_id, event.stat)
        tally = tallies.get(key)
        if tally is None:
            tally = tallies[key] = Tally()
        tally.add(event, event.stat in day_counted)
    return {TallyKey(user_id, stat): tally for (user_id, stat), tally in tallies.items()}
