"""Periods that are known to exist."""

from __future__ import annotations

from shared.domain.instant import Instant
from shared.domain.periods import Period
from shared.domain.schedules import Schedule


def period_of(schedule: Schedule, instant: Instant) -> Period:
    """Return the period that an event at the instant counts for."""
    period = schedule.period_at(instant)
    assert period is not None, f"{schedule.text} has no period at {instant}"
    return period
