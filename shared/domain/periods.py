"""Periods: the intervals in which something is counted."""

from __future__ import annotations

from typing import NamedTuple

from shared.domain.instant import Instant

LIFETIME_START: Instant = 0
"""Start of the lifetime's only period: finite, so that it can be part of a key."""


class Period(NamedTuple):
    """The half-open interval [start, end). Its start identifies it within its schedule."""

    start: Instant
    end: Instant | None
    """None for the lifetime."""


LIFETIME_PERIOD = Period(LIFETIME_START, None)
