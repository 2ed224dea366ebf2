"""The days that a schedule's goals count, which last from reset to reset as clocks in its zone show them."""

from __future__ import annotations

from functools import lru_cache

from shared.domain.instant import Day, Instant
from shared.domain.recurrence import Every, Recurrence
from shared.domain.spans import SPANS_MAX, Span, Spans
from shared.domain.time_zones import local_day


class Days:
    """The days of one zone that begin at one minute. Thread-safe, and memoised as periods are."""

    def __init__(self, at: int, zone: str) -> None:
        self._recurrence = Recurrence(Every.DAY, at, zone)
        self._spans = Spans(self._span)
        self._date = lru_cache(SPANS_MAX)(lambda start: local_day(start, zone))

    def at(self, instant: Instant) -> Day:
        """Return the day of an instant, as the date on which it began."""
        return self._date(self._spans.at(instant).start)

    def _span(self, instant: Instant) -> Span:
        day = self._recurrence.period_at(instant)
        assert day.end is not None  # noqa: S101 - only the lifetime has no end
        return Span(day.start, day.end, day)
