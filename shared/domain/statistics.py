"""A player's statistics, derived from what is stored when somebody asks.

All days are days in UTC, and "today" is an argument. Events may be some minutes ahead of it: what lies after today does
not count yet.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from shared.domain.catalogue import Catalogue, Goal, Scope, Stat
from shared.domain.instant import Day
from shared.domain.progress import Assignment, TallyView, is_active, shown_measure
from shared.domain.standings import Standing

RECENT_DAYS = 30
"""What the completion rate looks at, today included."""
WEEK_DAYS = 7
TREND_DAYS_MAX = 365
TREND_DAYS_DEFAULT = 30


class Stretch(NamedTuple):
    """Days in a row. Of a set of days: as long as it goes, so that two of them never touch."""

    start: Day
    end: Day
    """The first day after it."""


class LoginStatistics(NamedTuple):
    """How regularly a player comes."""

    current_streak: int
    longest_streak: int
    weekly_active_days: int
    """0 to `WEEK_DAYS`."""


class PlayerStatistics(NamedTuple):
    """Everything that is told about one player."""

    standings: Mapping[Scope, Standing]
    """Of the lifetime; a scope in which nothing was completed is missing."""
    tallies: Mapping[Stat, TallyView]
    logins: LoginStatistics
    completed_recently: int
    """Goals completed on the last `RECENT_DAYS` days."""
    under_way: int
    """Goals that are active, have progress, and are not completed."""

    @property
    def completion_rate(self) -> float | None:
        """Of the goals that were completed lately or are under way, the share that was completed; None without any."""
        started = self.completed_recently + self.under_way
        return self.completed_recently / started if started else None


class TrendDay(NamedTuple):
    """What a player reached on a day."""

    day: Day
    completed: int = 0
    claimed: int = 0
    points: int = 0


def login_statistics(stretches: Iterable[Stretch], today: Day) -> LoginStatistics:
    """Streaks and active days, from the days with a login. A streak is current if it has reached today or yesterday."""
    past = [Stretch(start, min(end, today + 1)) for start, end in stretches if start <= today]
    return LoginStatistics(
        current_streak=sum(end - start for start, end in past if end >= today),
        longest_streak=max((end - start for start, end in past), default=0),
        weekly_active_days=sum(max(0, end - max(start, today - WEEK_DAYS + 1)) for start, end in past),
    )


def goals_under_way(
    catalogue: Catalogue,
    tallies: Mapping[Stat, TallyView],
    assignments: Mapping[str, Assignment],
    completed: Collection[str],
) -> int:
    """How many goals are active, have progress, and are not completed; `completed` are ids of goals.

    The same as `goal_status` says of each goal, but goals whose target is reached, of which there may be hundreds, are
    passed over by bisection.
    """
    return sum(
        goal.id not in completed and is_active(goal, assignments.get(goal.id), None)
        for stat, tally in tallies.items()
        for goal in _in_progress(catalogue, stat, tally)
    )


def _in_progress(catalogue: Catalogue, stat: Stat, tally: TallyView) -> Iterator[Goal]:
    for counting, targets, goals in catalogue.ladders.get(stat, ()):
        for goal in goals[bisect_right(targets, tally.measures.judged_by(counting)) :]:
            if shown_measure(goal, tally) > 0:
                yield goal


def trend(first: Day, last: Day, reached: Iterable[TrendDay]) -> Sequence[TrendDay]:
    """Every day from the first to the last one, also where nothing was reached."""
    by_day = {each.day: each for each in reached}
    return [by_day.get(day) or TrendDay(day) for day in range(first, last + 1)]
