"""A player's statistics, derived on request from what is stored.

All days are in UTC, and "today" is an argument. Events may be some minutes ahead of it; later days do not count yet.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import NamedTuple

from shared.domain.catalogue import Catalogue
from shared.domain.goal import Goal, Stat
from shared.domain.instant import Day
from shared.domain.ladders import Ladder
from shared.domain.player_view import PlayerView, TallyView
from shared.domain.progress import goal_status, is_active, shown_measure
from shared.domain.schedules import LIFETIME
from shared.domain.standings import Scope, Standing
from shared.domain.streaks import Stretch

RECENT_DAYS = 30
"""Days that the completion rate covers, including today."""
WEEK_DAYS = 7
TREND_DAYS_MAX = 365
TREND_DAYS_DEFAULT = 30


class LoginStatistics(NamedTuple):
    """Streaks and activity from the days with a login."""

    current_streak: int
    longest_streak: int
    weekly_active_days: int
    """0 to `WEEK_DAYS`."""


class PlayerStatistics(NamedTuple):
    """All statistics of one player."""

    standings: Mapping[Scope, Standing]
    """Lifetime standings; scopes without a completion are missing."""
    tallies: Mapping[Stat, TallyView]
    logins: LoginStatistics
    completed_recently: int
    """Goals completed in the last `RECENT_DAYS` days."""
    under_way: int
    """Goals that are active, have progress, and are not completed."""

    @property
    def completion_rate(self) -> float | None:
        """Share of completed goals among those completed recently or under way; None if there are none."""
        started = self.completed_recently + self.under_way
        return self.completed_recently / started if started else None


class TrendDay(NamedTuple):
    """Goals completed, rewards claimed and points gained on one day."""

    day: Day
    completed: int = 0
    claimed: int = 0
    points: int = 0


def login_statistics(stretches: Iterable[Stretch], today: Day) -> LoginStatistics:
    """Return streaks and active days. The current streak is the one that includes today or yesterday."""
    past = [Stretch(start, min(end, today + 1)) for start, end in stretches if start <= today]
    return LoginStatistics(
        current_streak=sum(end - start for start, end in past if end >= today),
        longest_streak=max((end - start for start, end in past), default=0),
        weekly_active_days=sum(max(0, end - max(start, today - WEEK_DAYS + 1)) for start, end in past),
    )


def goals_under_way(catalogue: Catalogue, view: PlayerView) -> int:
    """Return the number of goals that are active, have progress, and are not completed; without suspended goals.

    The result is that of `goal_status` for each goal, but bisection skips goals whose target is reached, of which there
    may be hundreds.
    """
    completed = view.completions
    return sum(
        goal.id not in completed and is_active(goal, view.assignments.get(goal.id), None, view.selected)
        for stat, schedule, tally in chain(
            ((stat, LIFETIME.text, tally) for stat, tally in view.tallies.items()),
            ((stat, schedule, tally) for (stat, schedule), tally in view.period_tallies.items()),
        )
        for goal in _in_progress(catalogue.ladders.get(schedule, {}).get(stat, ()), tally)
    ) + sum(goal_status(goal, view, catalogue).under_way for goal in catalogue.judged_alone)


def _in_progress(ladders: Iterable[Ladder], tally: TallyView) -> Iterator[Goal]:
    """Yield the goals with one step whose target is not reached, and that have progress."""
    for measure, targets, rungs in ladders:
        for goal, _ in rungs[bisect_right(targets, tally.measures[measure] or 0) :]:
            if goal.steps == 1 and shown_measure(goal, tally) > 0:
                yield goal


def trend(first: Day, last: Day, reached: Iterable[TrendDay]) -> Sequence[TrendDay]:
    """Return every day from the first to the last, including days on which nothing was reached."""
    by_day = {each.day: each for each in reached}
    return [by_day.get(day) or TrendDay(day) for day in range(first, last + 1)]
