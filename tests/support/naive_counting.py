"""The naive rules of all ways of counting: each adds up all events of a goal by definition."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import pairwise

from shared.domain.events import Event
from shared.domain.goal import Aspect, Counting, Goal
from shared.domain.instant import Day, Instant
from shared.domain.streaks import Streak, StreakRule


def sees(goal: Goal, event: Event) -> bool:
    """Return True if the goal counts events like this one."""
    derived = goal.derived
    if derived is None:
        return event.stat == goal.stat
    attributes = dict(event.attributes)
    return (
        event.stat == derived.base
        and all(attributes.get(key) in values for key, values in derived.where)
        and (derived.aspect is not Aspect.DISTINCT or derived.attribute in attributes)
        and (derived.aspect not in (Aspect.LOWEST, Aspect.GROWTH) or event.value is not None)
    )


def judged(goal: Goal, events: Sequence[Event]) -> int:
    """Return the number to compare with the goal's target; of a goal for a low value 1 if it was low enough."""
    values = [event.value for event in events if event.value is not None]
    match goal.counting:
        case Counting.SUM:
            return min(2**62, sum(event.delta or 0 for event in events))
        case Counting.EVENTS:
            return len(events)
        case Counting.DAYS:
            return len(days_of(goal, events))
        case Counting.LATEST | Counting.HIGHEST:
            return max(values, default=0)
        case Counting.DISTINCT:
            assert goal.derived is not None
            return len({dict(event.attributes)[goal.derived.attribute] for event in events})
        case Counting.LOWEST:
            assert goal.at_most is not None
            return int(any(value <= goal.at_most for value in values))
        case Counting.GROWTH:
            openings = [event.value - (event.delta or 0) for event in events if event.value is not None]
            return max(values) - min(openings) if values else 0
        case Counting.STREAK:
            assert goal.streak is not None
            return naive_streak(days_of(goal, events), goal.streak, 0).longest


def latest(events: Sequence[Event]) -> int:
    """Return the newest value; of two at one instant the greater one."""
    return max(((event.time, event.value) for event in events if event.value is not None), default=(0, 0))[1]


def best(goal: Goal, events: Sequence[Event]) -> int | None:
    """Return the lowest value, for a goal that asks for one."""
    values = [event.value for event in events if event.value is not None]
    return min(values, default=None) if goal.at_most is not None else None


def current_streak(goal: Goal, events: Sequence[Event], now: Instant) -> int:
    """Return the current streak, for a goal that asks for one."""
    if goal.streak is None:
        return 0
    return naive_streak(days_of(goal, events), goal.streak, goal.schedule.day_at(now)).current


def days_of(goal: Goal, events: Sequence[Event]) -> set[Day]:
    """Return the days with an event."""
    return {goal.schedule.day_at(event.time) for event in events}


def naive_streak(days: Collection[Day], rule: StreakRule, today: Day) -> Streak:
    """Return the streaks, from each pair of neighbouring days with an event."""

    def joins(last: Day, following: Day) -> bool:
        missed = [day for day in range(last + 1, following) if day not in rule.outages]
        return len(missed) <= rule.bridge_days

    played = sorted(days)
    lengths = [1] * bool(played)
    for last, following in pairwise(played):
        lengths.append(lengths[-1] + 1 if joins(last, following) else 1)
    current = lengths[-1] if played and joins(played[-1], today) else 0
    return Streak(max(lengths, default=0), current)
