"""Steps of goals that a change of a tally reaches, and the event that completes each.

The targets of all rungs on a stat are kept in ladders, one for each measure, so bisection finds those in
(before, after]. An event that completes nothing costs the same however many goals watch its stat.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Iterable, Sequence

from shared.domain.events import Event
from shared.domain.goal import Counting
from shared.domain.instant import Day
from shared.domain.ladders import Ladder, StreakLadder
from shared.domain.rungs import Rung
from shared.domain.streaks import StreakRule, Stretch, longest_streak, with_days
from shared.domain.tally import SUM_MAX, Measures, Tally


def crossed(ladders: Iterable[Ladder], before: Sequence[int | None], after: Sequence[int | None]) -> Sequence[Rung]:
    """Return the rungs whose target is in (before, after], which are the fields of two `Measures`."""
    found: Sequence[Rung] = ()
    for measure, targets, rungs in ladders:
        low, high = before[measure] or 0, after[measure] or 0
        if low < high:
            first = bisect_right(targets, low)
            if first < len(targets) and targets[first] <= high:
                found = [*found, *rungs[first : bisect_right(targets, high, first)]]
    return found


def crossed_by_days(
    ladders: Iterable[StreakLadder], before: Sequence[Stretch], days: Collection[Day]
) -> Sequence[Rung]:
    """Return the rungs whose target is reached by the longest streak with these days, and was not without them."""
    found: list[Rung] = []
    after = with_days(before, days)
    for rule, targets, rungs in ladders:
        low, high = longest_streak(before, rule), longest_streak(after, rule)
        found += rungs[bisect_right(targets, low) : bisect_right(targets, high)]
    return found


def crossing_position(rung: Rung, before: Measures, days_before: Collection[Day], events: Iterable[Event]) -> int:
    """Return the index of the event that reaches the rung's target; raise ValueError if none does.

    `events` are the player's new events of the goal's stat, in the order they are applied.
    """
    goal, target = rung.goal, rung.target
    if goal.streak is not None:
        return _streak_position(rung, goal.streak, days_before, events)
    total, count, highest = before.sum, before.events, before.highest
    days, day_count = set(days_before), before.day_count
    growth = Tally(before.sum, highest=highest, lowest_opening=None if highest is None else highest - total)
    for position, event in enumerate(events):
        count += 1
        if goal.counting is Counting.GROWTH:
            growth.add_growth(event)
            total = growth.sum
        elif event.delta:
            total = min(total + event.delta, SUM_MAX)
        if event.value is not None and (highest is None or event.value > highest):
            highest = event.value
        if goal.counting is Counting.DAYS and (day := goal.schedule.day_at(event.time)) not in days:
            days.add(day)
            day_count += 1
        if Measures(total, count, highest, day_count).judged_by(goal.counting) >= target:
            return position
    raise ValueError(f"no event reaches the target of {goal.id}")


def _streak_position(rung: Rung, rule: StreakRule, days_before: Collection[Day], events: Iterable[Event]) -> int:
    days, stretches = set(days_before), with_days((), days_before)
    for position, event in enumerate(events):
        day = rung.goal.schedule.day_at(event.time)
        if day not in days:
            days.add(day)
            stretches = with_days(stretches, [day])
            if longest_streak(stretches, rule) >= rung.target:
                return position
    raise ValueError(f"no event reaches the target of {rung.goal.id}")
