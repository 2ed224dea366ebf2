"""Periods around an instant: the current and the next one, past ones, and how long their rewards can be claimed."""

from __future__ import annotations

from typing import NamedTuple

from shared.domain.instant import Instant, Period
from shared.domain.schedules import Schedule

PAST_PERIODS_MAX = 35
"""Maximum number of past periods of one schedule whose rewards can be claimed."""


class Rotation(NamedTuple):
    """The current and the next period of a schedule; None where a season leaves none."""

    schedule: Schedule
    current: Period | None
    next: Period | None
    is_open: bool
    """True if events count for the current period now."""
    change: Instant | None
    """When that changes; None if never."""


def rotation_at(schedule: Schedule, now: Instant) -> Rotation:
    """Return the periods of a schedule as of now."""
    change = schedule.next_change(now)
    return Rotation(
        schedule, schedule.shown_at(now), schedule.next_after(now), schedule.period_at(now) is not None, change
    )


def claim_end(schedule: Schedule, period: Period) -> Instant | None:
    """Return when the rewards of a period cannot be claimed any longer; None if they always can."""
    return None if period.end is None else period.end + schedule.claim_grace


def past_periods(schedule: Schedule, now: Instant) -> tuple[Period, ...]:
    """Return the past periods whose rewards can still be claimed, newest first: at most `PAST_PERIODS_MAX`."""
    periods: list[Period] = []
    period = schedule.last_before(now)
    while period is not None and period.end is not None and len(periods) < PAST_PERIODS_MAX:
        if period.end + schedule.claim_grace <= now:
            break
        periods.append(period)
        period = schedule.last_before(period.start)
    return tuple(periods)


def over_before(schedule: Schedule, instant: Instant) -> Instant | None:
    """Return the instant before which periods begin that are over at the instant, for every player; None if none is."""
    last = schedule.last_before(instant)
    if last is None or last.end is None:
        return None
    # A player's own periods end at other instants, but not two whole periods later.
    return last.start - 2 * (last.end - last.start) if schedule.by_player else last.start + 1


def periods_from(schedule: Schedule, first: Instant, now: Instant) -> tuple[Period, ...]:
    """Return the periods from the one that contains `first` to the one after the current one.

    Outside a season, that is the first period after the instant.
    """
    periods: list[Period] = []
    period = schedule.shown_at(first) or schedule.next_after(first)
    while period is not None:
        periods.append(period)
        if period.end is None or period.start > now:
            break
        period = schedule.shown_at(period.end) or schedule.next_after(period.end)
    return tuple(periods)
