"""Windows: the hours within a period in which events count for it, such as weekends or a happy hour."""

from __future__ import annotations

from dataclasses import dataclass

from shared.domain.instant import Day, Instant
from shared.domain.recurrence import WEEKDAYS, clock_text
from shared.domain.spans import FOREVER
from shared.domain.time_zones import instant_of, local_day

_ALL_WEEKDAYS = tuple(range(7))
_DAYS_AROUND = 9
"""Days before and after an instant between which the last and the next opening are: a week, and a day for each end."""


@dataclass(frozen=True, slots=True)
class Window:
    """Open hours on some days of the week, as clocks of the schedule's zone show them."""

    weekdays: tuple[int, ...] = _ALL_WEEKDAYS
    """Days of the week on which it opens, ascending: 0 is Monday."""
    opens: int = 0
    """Minute of the day at which it opens."""
    closes: int = 0
    """Minute at which it closes: of the same day if later than `opens`, else of the next."""

    @property
    def text(self) -> str:
        """The window's canonical text, without parts that have their defaults: `sat,sun@18:00-22:00`."""
        days = "" if self.weekdays == _ALL_WEEKDAYS else ",".join(WEEKDAYS[day] for day in self.weekdays)
        hours = f"@{clock_text(self.opens)}-{clock_text(self.closes)}" if (self.opens, self.closes) != (0, 0) else ""
        return f"{days}{hours}"

    def interval_at(self, instant: Instant, zone: str) -> tuple[Instant, Instant, bool]:
        """Return the open or closed interval [start, end) that contains the instant, and True if it is open."""
        today = local_day(instant, zone)
        closed_since, closed_until = -FOREVER, FOREVER
        for day in range(today - _DAYS_AROUND, today + _DAYS_AROUND + 1):
            if (day + 3) % 7 not in self.weekdays:
                continue
            opening, closing = self._hours_of(day, zone)
            if opening <= instant < closing:
                return opening, closing, True
            # Hours that clocks skip have an opening and a closing that are the same instant.
            if closing <= instant:
                closed_since = max(closed_since, closing)
            elif opening < closing:
                closed_until = min(closed_until, opening)
        return closed_since, closed_until, False

    def _hours_of(self, day: Day, zone: str) -> tuple[Instant, Instant]:
        """Return when the window opens on a day, and when it closes."""
        last_day = day if self.closes > self.opens else day + 1
        return instant_of(day, self.opens, zone), instant_of(last_day, self.closes, zone)
