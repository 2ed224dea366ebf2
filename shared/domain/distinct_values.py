"""Distinct values: which values of attributes events bring to which tallies.

Each tally counts a value once, whichever event brings it first. So the result does not depend on their order.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from hashlib import blake2b
from typing import NamedTuple

from shared.domain.calendars import Calendars
from shared.domain.derived_stats import DerivedStats
from shared.domain.events import Event
from shared.domain.goal import Aspect, Stat
from shared.domain.instant import LIFETIME_START, Instant
from shared.domain.player_zones import Zones
from shared.domain.schedules import LIFETIME, Schedule
from shared.domain.tally import Tally, TallyKey

HASH_BYTES = 16


class DistinctValue(NamedTuple):
    """One value that a tally counts. Transactions lock them in this order, before tallies."""

    user_id: str
    schedule: str
    period_start: Instant
    stat: Stat
    value_hash: bytes

    @property
    def tally(self) -> TallyKey:
        """The key of the tally."""
        return TallyKey(self.user_id, self.stat, self.schedule, self.period_start)


def value_hash(value: str) -> bytes:
    """Return what is stored of a value."""
    return blake2b(value.encode(), digest_size=HASH_BYTES).digest()


def values_of(
    events: Iterable[tuple[int, Event]],
    derived: DerivedStats,
    schedules: Mapping[Stat, Sequence[Schedule]],
    zones: Mapping[str, Zones],
) -> dict[DistinctValue, int]:
    """Return the values that events bring to their tallies, each with the position of the first event that brings it.

    `events` have their positions; `schedules` are the further schedules of each stat, `zones` those of the players.
    """
    found: dict[DistinctValue, int] = {}
    calendars = Calendars(schedules, (), zones)
    for position, event in events:
        for definition in derived.met_by(event):
            if definition.aspect is not Aspect.DISTINCT:
                continue
            digest = value_hash(dict(event.attributes)[definition.attribute])
            stat, user_id = definition.stat, event.user_id
            calendar = calendars.of(user_id, stat)
            periods: Iterable[tuple[str, Instant | None]] = ((LIFETIME.text, LIFETIME_START),)
            if calendar is not None:
                place = calendar.place_of(event.time)
                periods = (
                    (text, LIFETIME_START if of_start is None else place[of_start])
                    for text, of_start, _ in calendar.in_key_order
                )
            for text, start in periods:
                if start is not None:
                    found.setdefault(DistinctValue(user_id, text, start, stat, digest), position)
    return found


class NewValues:
    """The values that a batch has brought for the first time, by their tallies."""

    def __init__(self, positions: Mapping[DistinctValue, int], new: Collection[DistinctValue]) -> None:
        """`positions` are those of events, by value; `new` are the values that no earlier event has brought."""
        self._by_tally: dict[TallyKey, list[int]] = {}
        for value in new:
            self._by_tally.setdefault(value.tally, []).append(positions[value])
        for found in self._by_tally.values():
            found.sort()

    def positions(self, key: TallyKey) -> list[int]:
        """Return the positions of the events that brought a new value to the tally, in ascending order."""
        return self._by_tally.get(key, [])

    def tallies(self, events: Sequence[Event]) -> dict[TallyKey, Tally]:
        """Return what the values add to each tally. `events` are those of the batch."""
        found = {}
        for key, positions in self._by_tally.items():
            newest = max(events[position].time for position in positions)
            number = len(positions)
            found[key] = Tally(sum=number, events=number, sum_time=newest, events_time=newest)
        return found


NO_NEW_VALUES = NewValues({}, ())
