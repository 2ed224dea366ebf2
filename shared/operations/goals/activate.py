"""Activation and deactivation of a goal for a player."""

from __future__ import annotations

from shared.domain.activation import is_already_set, switch
from shared.domain.catalogue import Catalogue
from shared.domain.current_periods import current_periods
from shared.domain.events import CompletionKey
from shared.domain.goal import Goal
from shared.domain.instant import Instant
from shared.domain.progress import PlayerView
from shared.domain.standings import record_of
from shared.operations.statistics.standing_changes import StandingChanges
from shared.postgres.connection import Connection
from shared.postgres.database import Database
from shared.postgres.events import tallies
from shared.postgres.goals import assignments, player_goals


def set_goal_active(
    database: Database, catalogue: Catalogue, user_id: str, goal: Goal, active: bool, now: Instant, deadline: float
) -> PlayerView:
    """Make the goal active or inactive, and return the resulting view of it. Write nothing if it is already set.

    The view has the status of this goal alone. The choice holds across periods. What it freezes or completes, it does
    in the current period. A switch that completes nothing takes two round trips.

    Raise `DatabaseUnavailable`, `DeadlineExceeded` or `Overloaded`.
    """

    def store_switch(connection: Connection) -> PlayerView:
        # No event or other switch of this goal comes between read and write. Every event changes the tally of the
        # lifetime, whatever periods it counts for.
        tallies.lock(connection, user_id, goal.stat)
        view = player_goals.read(connection, user_id, goals, current)
        if is_already_set(goal, active, view):
            raise _AlreadySet(view)
        switched = switch(goal, active, view, catalogue, now)
        assignments.store(connection, user_id, goal.id, switched.assignment)
        period = view.period_of(goal)
        if switched.completed and period is not None:
            key = CompletionKey(user_id, goal.id, period.start, 1)
            changes = StandingChanges(catalogue)
            changes.complete(connection, {key: record_of(goal, None, switched.assignment.active_since, period.start)})
            changes.store(connection)
        return switched.applied_to(view, goal)

    current = current_periods(catalogue, now)
    goals = [goal, *(catalogue.goals[required] for required in goal.requires)]
    try:
        return database.transact(store_switch, deadline)
    except _AlreadySet as already_set:
        return already_set.view


class _AlreadySet(Exception):
    """Nothing is to be stored, the tally that was locked included."""

    def __init__(self, view: PlayerView) -> None:
        super().__init__()
        self.view = view
