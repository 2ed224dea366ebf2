"""Memoised periods, by the instants that they contain."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from typing import NamedTuple

from shared.domain.instant import Instant, Period

FOREVER: Instant = 2**62
"""Later than any instant; `-FOREVER` is earlier than any."""
SPANS_MAX = 1_024
"""Maximum number of remembered spans of one schedule: almost three years of days. They take 200 KB."""
PLAYER_SPANS_MAX = 48
"""The same for the schedule of one player: what events, claims and lists of a week and a month ask for."""


class Span(NamedTuple):
    """The interval [start, end), all of whose instants belong to the same period, or to none."""

    start: Instant
    end: Instant
    period: Period | None


class Spans:
    """The spans of one schedule. Thread-safe.

    Finding a span costs 10 to 100 µs, because a look at a time zone costs some µs. Events of a few days fall into few
    spans, which are found by bisection in 0.3 µs.
    """

    def __init__(self, find: Callable[[Instant], Span], spans_max: int = SPANS_MAX) -> None:
        """Create it with the function that computes the span that contains an instant."""
        self._find = find
        self._spans_max = spans_max
        self._known: tuple[tuple[Instant, ...], tuple[Span, ...]] = (), ()

    def at(self, instant: Instant) -> Span:
        """Return the span that contains the instant."""
        starts, spans = self._known
        index = bisect_right(starts, instant) - 1
        if index >= 0:
            span = spans[index]
            if instant < span.end:
                return span
        return self._learn(instant)

    def _learn(self, instant: Instant) -> Span:
        """Compute a span and remember it. Both tuples are replaced at once, for other threads."""
        span = self._find(instant)
        starts, spans = self._known
        if len(spans) >= self._spans_max:
            starts, spans = (), ()
        index = bisect_right(starts, span.start)
        if index == 0 or starts[index - 1] != span.start:
            self._known = (*starts[:index], span.start, *starts[index:]), (*spans[:index], span, *spans[index:])
        return span
