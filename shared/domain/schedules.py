"""Schedules: the rules by which counting restarts, and seasons: times in which goals and leaderboards exist.

An event belongs to the period in which it happened, not the one in which it arrived. Periods are computed from
instants: nothing runs at their boundaries, so no boundary can be missed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from typing import NamedTuple

from shared.domain.instant import DAY, HOUR, LIFETIME_PERIOD, Day, Instant, Microseconds, Period
from shared.domain.player_zones import PlayerRecurrence, Zones, usual_length
from shared.domain.recurrence import Days, Every, Recurrence
from shared.domain.spans import FOREVER, PLAYER_SPANS_MAX, SPANS_MAX, Span, Spans
from shared.domain.time_zones import UTC_ZONE
from shared.domain.windows import Window


class SeasonRun(NamedTuple):
    """One time of a season: the half-open interval [start, end). Its start is permanent, its end may be moved."""

    start: Instant
    end: Instant


@dataclass(frozen=True, slots=True)
class Season:
    """A season. Goals name it by its id, and so they return with each of its runs."""

    id: str
    runs: tuple[SeasonRun, ...]
    """In order of time; they do not overlap."""

    def interval_at(self, instant: Instant) -> tuple[Instant, Instant, bool]:
        """Return the run or the pause [start, end) that contains the instant, and True if it is a run."""
        pause_start = -FOREVER
        for run in self.runs:
            if instant < run.start:
                return pause_start, run.start, False
            if instant < run.end:
                return run.start, run.end, True
            pause_start = run.end
        return pause_start, FOREVER, False


CLAIM_GRACE_DEFAULT: Microseconds = 7 * DAY

ZONES_CACHED_MAX = 2_048
"""Maximum number of different zone histories of players that are remembered with a schedule. Players who have named one
zone since they were initialized share one history."""


@dataclass(frozen=True)
class Schedule:
    """The lifetime, or its division into periods. Schedules with the same text are equal.

    Without a recurrence, a season's runs are the periods.
    """

    text: str = field(init=False)
    """The canonical text, which is stored in the database and in the keys of tallies and standings."""
    recurrence: Recurrence | PlayerRecurrence | None = field(default=None, compare=False)
    window: Window | None = field(default=None, compare=False)
    """Hours outside of which events count for the lifetime alone. Only with a recurrence, in whose zone they are."""
    season: Season | None = field(default=None, compare=False)
    """The season to whose runs periods are clipped."""
    id: str = field(default="", compare=False)
    """The id by which the catalogue and players name the schedule; empty if they do not."""
    claim_grace: Microseconds = field(default=CLAIM_GRACE_DEFAULT, compare=False)
    """Time after a period's end for which its rewards can be claimed."""

    def __post_init__(self) -> None:
        text = "lifetime" if self.recurrence is None else self.recurrence.text
        if self.window is not None:
            text += f";window={self.window.text}"
        if self.season is not None:
            # Last, because an id may contain anything.
            text += f";season={self.season.id}"
        object.__setattr__(self, "text", text)

    @cached_property
    def _periods(self) -> Spans:
        return Spans(self._period_span, SPANS_MAX if isinstance(self.recurrence, Recurrence) else PLAYER_SPANS_MAX)

    @cached_property
    def _counted(self) -> Spans:
        return self._periods if self.window is None else Spans(self._counted_span)

    def of_player(self, zones: Zones) -> Schedule:
        """Return the schedule of a player who has named these zones; itself if it does not depend on the player."""
        return self._of_player(zones) if zones and self.by_player else self

    @property
    def by_player(self) -> bool:
        """True if days are those of each player's own zone."""
        return isinstance(self.recurrence, Recurrence) and self.recurrence.by_player

    @property
    def longest_period(self) -> Microseconds:
        """The longest period by a player's own days: one and a half of the usual length, and an hour for the clock."""
        if not isinstance(self.recurrence, Recurrence):
            raise ValueError(f"{self.text} does not depend on the player")
        return usual_length(self.recurrence) * 3 // 2 + 2 * HOUR

    @cached_property
    def _of_player(self) -> Callable[[Zones], Schedule]:
        recurrence = self.recurrence
        if not isinstance(recurrence, Recurrence):
            raise ValueError(f"{self.text} does not depend on the player")
        return lru_cache(ZONES_CACHED_MAX)(lambda zones: replace(self, recurrence=PlayerRecurrence(recurrence, zones)))

    def period_at(self, instant: Instant) -> Period | None:
        """Return the period that an event at the instant counts for.

        None outside the season and outside the window.
        """
        return self._counted.at(instant).period

    def counted_at(self, instant: Instant) -> Span:
        """Return the interval around the instant in which events count for the same period, or for none."""
        return self._counted.at(instant)

    def shown_at(self, instant: Instant) -> Period | None:
        """Return the period to show at the instant, whether the window is open or closed. None outside the season."""
        return self._periods.at(instant).period

    def next_after(self, instant: Instant) -> Period | None:
        """Return the first period that starts after the instant; None if there is none."""
        span = self._periods.at(instant)
        while span.end < FOREVER:
            span = self._periods.at(span.end)
            if span.period is not None:
                return span.period
        return None

    def last_before(self, instant: Instant) -> Period | None:
        """Return the last period that ended at the instant or before; None if there is none."""
        span = self._periods.at(instant)
        while span.start > -FOREVER:
            span = self._periods.at(span.start - 1)
            if span.period is not None:
                return span.period
        return None

    def number_at(self, instant: Instant) -> int:
        """Return the number of the period that contains the instant: greater by one than that of the period before.

        Of a season without a recurrence, count its runs.
        """
        if self.recurrence is not None:
            return self.recurrence.number_at(instant)
        return 0 if self.season is None else sum(run.start <= instant for run in self.season.runs)

    @property
    def has_own_days(self) -> bool:
        """True if its days are not those of UTC."""
        return self._days is not None

    def day_at(self, instant: Instant) -> Day:
        """Return the day of an event at the instant: from reset to reset in the schedule's zone.

        The lifetime, runs of seasons, and the zones of players have UTC days.
        """
        return instant // DAY if self._days is None else self._days.at(instant)

    def day_end(self, instant: Instant) -> Instant:
        """Return the instant at which the day of an event at the instant ends."""
        return (instant // DAY + 1) * DAY if self._days is None else self._days.end(instant)

    @cached_property
    def _days(self) -> Days | None:
        recurrence = self.recurrence
        if not isinstance(recurrence, Recurrence) or recurrence.by_player:
            return None
        return Days(recurrence.at, recurrence.zone) if (recurrence.at, recurrence.zone) != (0, UTC_ZONE) else None

    def next_change(self, instant: Instant) -> Instant | None:
        """Return the next instant at which events begin to count for a period, or cease to; None if there is none."""
        if self.season is None and self.window is None:
            return None
        span = self._counted.at(instant)
        is_open = span.period is not None
        while span.end < FOREVER:
            span = self._counted.at(span.end)
            if (span.period is not None) != is_open:
                return span.start
        return None

    def _period_span(self, instant: Instant) -> Span:
        start, end = -FOREVER, FOREVER
        if self.season is not None:
            start, end, runs = self.season.interval_at(instant)
            if not runs:
                return Span(start, end, None)
        if self.recurrence is not None:
            period = self.recurrence.period_at(instant)
            start, end = max(start, period.start), min(end, period.end or FOREVER)
        return Span(start, end, LIFETIME_PERIOD if end == FOREVER else Period(start, end))

    def _counted_span(self, instant: Instant) -> Span:
        span = self._period_span(instant)
        if span.period is None or self.window is None or self.recurrence is None:
            return span
        start, end, is_open = self.window.interval_at(instant, self.recurrence.zone)
        return Span(max(start, span.start), min(end, span.end), span.period if is_open else None)


LIFETIME = Schedule()
"""Never restarts."""
DAILY = Schedule(Recurrence(Every.DAY))
WEEKLY = Schedule(Recurrence(Every.WEEK))
"""Monday to Sunday."""
MONTHLY = Schedule(Recurrence(Every.MONTH))
