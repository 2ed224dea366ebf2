"""The goals that a player has completed, in current periods and in past ones whose claim end is ahead."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from shared.domain.catalogue import Catalogue
from shared.domain.claim_periods import PeriodStatus, occurrence_statuses, past_status
from shared.domain.current_periods import current_periods
from shared.domain.goal import Goal
from shared.domain.instant import Instant, Period
from shared.domain.player_view import PlayerView
from shared.domain.rotation import past_periods
from shared.domain.schedules import LIFETIME, Schedule
from shared.operations.goals.view_player import view_player
from shared.postgres.database import Database
from shared.postgres.goals import completions
from shared.postgres.goals.completions import CompletionsByPeriod


class PlayerPeriods(NamedTuple):
    """A player in the current periods, and the completions of past ones whose claim end is ahead."""

    catalogue: Catalogue
    view: PlayerView
    past_periods: Mapping[Schedule, tuple[Period, ...]]
    """The past periods whose claim end is ahead, newest first, of each schedule of goals."""
    past: CompletionsByPeriod

    @property
    def past_starts(self) -> list[Instant]:
        """The starts of all past periods whose claim end is ahead, newest first."""
        return sorted({period.start for some in self.past_periods.values() for period in some}, reverse=True)

    def current(self, goal: Goal) -> list[PeriodStatus]:
        """Return the completed occurrences of the goal in its current period."""
        return occurrence_statuses(goal, self.view, self.catalogue)

    def in_past(self, goal: Goal, period: Period, occurrence: int) -> PeriodStatus | None:
        """Return an occurrence of the goal in a past period of its schedule if it is completed there."""
        completed = self.past.get(period.start, {})
        if occurrence not in completed.get(goal.id, ()) or (goal.tiers and occurrence > goal.steps):
            return None
        status = past_status(goal, completed, self.view, self.catalogue, occurrence)
        return PeriodStatus(goal, period, status, stored=True)

    def in_period(self, goal: Goal, period: Period) -> Iterator[PeriodStatus]:
        """Yield the completed occurrences of the goal in a past period of its schedule, the first one first."""
        for occurrence in sorted(self.past.get(period.start, {}).get(goal.id, ())):
            completed = self.in_past(goal, period, occurrence)
            if completed is not None:
                yield completed

    def of_goals(self, goals: Iterable[Goal]) -> Iterator[PeriodStatus]:
        """Yield the completed ones of these goals, in the given order, and for each goal the newest period first."""
        for goal in goals:
            yield from self.current(goal)
            for period in self.past_periods.get(goal.schedule, ()):
                yield from self.in_period(goal, period)


def read_player_periods(
    database: Database, catalogue: Catalogue, user_id: str, now: Instant, deadline: float
) -> PlayerPeriods:
    """Return the player in current and past periods, in one or two round trips.

    Raise `DatabaseUnavailable`, `DeadlineExceeded` or `Overloaded`.
    """
    player = read_player(database, catalogue, user_id, now, deadline)
    return read_past(database, player, user_id, player.past_starts, deadline)


def read_player(database: Database, catalogue: Catalogue, user_id: str, now: Instant, deadline: float) -> PlayerPeriods:
    """Return the player in the current periods, without the completions of past ones."""
    view = view_player(database, user_id, deadline, current_periods(catalogue, now))
    periods = {schedule: past_periods(schedule.of_player(view.zones), now) for schedule in goal_schedules(catalogue)}
    return PlayerPeriods(catalogue, view, periods, {})


def read_past(
    database: Database, player: PlayerPeriods, user_id: str, starts: Sequence[Instant], deadline: float
) -> PlayerPeriods:
    """Return the player with the completions of the past periods that start then, and of no others."""
    if not starts:
        return player._replace(past={})
    past = database.autocommit(lambda connection: completions.read_of_periods(connection, user_id, starts), deadline)
    return player._replace(past=past)


def goal_schedules(catalogue: Catalogue) -> frozenset[Schedule]:
    """Return the schedules of the catalogue's goals other than the lifetime."""
    return frozenset(goal.schedule for goal in catalogue.goals.values()) - {LIFETIME}
