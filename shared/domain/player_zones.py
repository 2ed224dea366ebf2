"""Time zones that a player has named, and the periods of schedules that follow them.

Which periods a player has is a fold over the zones named, each with its instant, and over nothing else. So a process
that does not know the latest one yet computes the same periods up to then, and for half a period more.

Period k + 1 starts at the first boundary of zone z after the start of period k, where z is the zone that was named last
before that start. If z is not the zone of period k, it starts at least half a period's usual length later. So the end
of a current period never moves, no boundary is closer to a change of zone than that, and naming zones in turn gains a
player one period in fourteen, at one change in seven days.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

from shared.domain.instant import DAY, Instant, Microseconds, Period
from shared.domain.recurrence import Every, Recurrence

ZONES_MAX = 100
"""Maximum number of zones that are kept of one player. No more are accepted."""
ZONE_CHANGE_INTERVAL: Microseconds = 7 * DAY
"""Shortest time between two accepted changes of a player's zone."""
SINCE_EVER: Instant = 0
"""Instant of the zone that a player is initialized with: it holds for all periods."""


class NamedZone(NamedTuple):
    """A time zone that a player has named."""

    instant: Instant
    zone: str


Zones = tuple[NamedZone, ...]
"""The zones that one player has named, in order of time. Empty: none, so that the schedule's own zone holds."""

NO_ZONES: Zones = ()


class ZoneRefused(NamedTuple):
    """The reason why a player may not change the time zone now."""

    until: Instant | None
    """When the player may name another zone; None if `ZONES_MAX` is reached, so never again."""


def with_zone(
    zones: Zones, zone: str, now: Instant, interval: Microseconds = ZONE_CHANGE_INTERVAL
) -> Zones | ZoneRefused:
    """Return the zones of a player after naming a zone now, or the refusal; the same zones if it was the last named.

    The first zone may be named at any time, another one `interval` microseconds after the last.
    """
    if zones and zones[-1].zone == zone:
        return zones
    if len(zones) >= ZONES_MAX:
        return ZoneRefused(None)
    if zones and now < zones[-1].instant + interval:
        return ZoneRefused(zones[-1].instant + interval)
    return (*zones, NamedZone(now, zone))


class _Transition(NamedTuple):
    """The last period in one zone, which ends at a boundary of the next zone."""

    start: Instant
    end: Instant
    following: Recurrence
    """The recurrence after it."""

    def periods_after(self, instant: Instant) -> int:
        """Return the number of periods from its end to the one that contains the instant."""
        return self.following.number_at(instant) - self.following.number_at(self.end)


@dataclass(frozen=True)
class PlayerRecurrence:
    """A recurrence whose days begin at midnight, or another time of day, in the zones of one player."""

    of_all: Recurrence
    """The recurrence of players who have named no zone."""
    zones: Zones

    @property
    def text(self) -> str:
        """The canonical text, which is the same for all players."""
        return self.of_all.text

    @property
    def zone(self) -> str:
        """The zone named last."""
        return self.zones[-1].zone if self.zones else self.of_all.zone

    def period_at(self, instant: Instant) -> Period:
        """Return the player's period that contains the instant."""
        transitions = self._transitions
        index = bisect_right(self._starts, instant) - 1
        if index < 0:
            return self._first.period_at(instant)
        transition = transitions[index]
        if instant < transition.end:
            return Period(transition.start, transition.end)
        return transition.following.period_at(instant)

    def number_at(self, instant: Instant) -> int:
        """Return the number of the player's period that contains the instant: greater by one than that of the last."""
        index = bisect_right(self._starts, instant) - 1
        if index < 0:
            return self._first.number_at(instant)
        transition, number = self._transitions[index], self._numbers[index]
        return number if instant < transition.end else number + 1 + transition.periods_after(instant)

    @cached_property
    def _numbers(self) -> tuple[int, ...]:
        """The numbers of the periods in which the zone changes."""
        numbers: list[int] = []
        for index, transition in enumerate(self._transitions):
            if index == 0:
                numbers.append(self._first.number_at(transition.start))
            else:
                numbers.append(numbers[-1] + 1 + self._transitions[index - 1].periods_after(transition.start))
        return tuple(numbers)

    @cached_property
    def _first(self) -> Recurrence:
        """The recurrence before the first change of zone."""
        since_ever = [named.zone for named in self.zones if named.instant <= SINCE_EVER]
        return replace(self.of_all, zone=since_ever[-1]) if since_ever else self.of_all

    @cached_property
    def _starts(self) -> tuple[Instant, ...]:
        return tuple(transition.start for transition in self._transitions)

    @cached_property
    def _transitions(self) -> tuple[_Transition, ...]:
        """The periods in which the zone changes, in order of time."""
        transitions: list[_Transition] = []
        current, since = self._first, None
        zones = [named for named in self.zones if named.instant > SINCE_EVER]
        while zones:
            named = zones[0].instant
            # The start of the first period that begins after the zone was named.
            start = since if since is not None and named < since else _next_boundary(current, named)
            zone = [zones.pop(0).zone]
            while zones and zones[0].instant < start:
                zone.append(zones.pop(0).zone)
            following = replace(current, zone=zone[-1])
            if following == current:
                continue
            end = _next_boundary(following, start + _half_length(current) - 1)
            transitions.append(_Transition(start, end, following))
            current, since = following, end
        return tuple(transitions)


def _next_boundary(recurrence: Recurrence, instant: Instant) -> Instant:
    """Return the first start of a period after the instant."""
    end = recurrence.period_at(instant).end
    if end is None:
        raise ValueError(f"{recurrence.text} never restarts")
    return end


def usual_length(recurrence: Recurrence) -> Microseconds:
    """Return the usual length in microseconds of a period of days or weeks, without changes to and from summer time."""
    return {Every.DAY: 1, Every.WEEK: 7}.get(recurrence.every, recurrence.days) * DAY


def _half_length(recurrence: Recurrence) -> Microseconds:
    """Return half the usual length of a period, in microseconds."""
    return usual_length(recurrence) // 2
