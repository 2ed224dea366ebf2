"""Goals that a change of a tally completes, and the event that completes each.

The targets of all goals on a stat are kept in ladders, one for each measure, so bisection finds those in
(before, after]. An event that completes nothing costs the same however many goals watch its stat.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Iterable, Sequence

from shared.domain.catalogue import Ladder
from shared.domain.events import Event
from shared.domain.goal import Counting, Goal
from shared.domain.instant import Day
from shared.domain.tally import SUM_MAX, Measures


def crossed(ladders: Iterable[Ladder], before: Measures, after: Measures) -> Sequence[Goal]:
    """Return the goals whose target is in (before, after]."""
    found: Sequence[Goal] = ()
    for measure, targets, goals in ladders:
        low, high = before[measure] or 0, after[measure] or 0
        if low < high:
            first = bisect_right(targets, low)
            if first < len(targets) and targets[first] <= high:
                found = [*found, *goals[first : bisect_right(targets, high, first)]]
    return found


def crossing_position(goal: Goal, before: Measures, days_before: Collection[Day], events: Iterable[Event]) -> int:
    """Return the index of the event that reaches the goal's target; raise ValueError if none does.

    `events` are the player's new events of the goal's stat, in the order they are applied.
    """
    total, count, highest = before.sum, before.events, before.highest
    days, day_count = set(days_before), before.day_count
    for position, event in enumerate(events):
        count += 1
        if event.delta:
            total = min(total + event.delta, SUM_MAX)
        if event.value is not None and (highest is None or event.value > highest):
            highest = event.value
        if goal.counting is Counting.DAYS and (day := goal.schedule.day_at(event.time)) not in days:
            days.add(day)
            day_count += 1
        if Measures(total, count, highest, day_count).judged_by(goal.counting) >= goal.target:
            return position
    raise ValueError(f"no event reaches the target of {goal.id}")
