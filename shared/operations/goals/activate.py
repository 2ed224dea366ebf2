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
from shared.domain.tally import Tally, TallyKey
from shared.operations.goals.view_player import view_player
from shared.operations.statistics.standing_changes import StandingChanges
from shared.postgres.connection import Connection
from shared.postgres.database import Database
from shared.postgres.events import tallies
from shared.postgres.goals import assignments, players


def set_goal_active(
    database: Database, catalogue: Catalogue, user_id: str, goal: Goal, active: bool, now: Instant, deadline: float
) -> PlayerView:
    """Make the goal active or inactive, and return the resulting view. Write nothing if it is already set.

    The choice holds across periods. What it freezes or completes, it does in the current period.

    Raise `DatabaseUnavailable`, `DeadlineExceeded` or `Overloaded`.
    """

    def store_switch(connection: Connection) -> PlayerView:
        # Merging an empty tally locks it, so no event or other switch of this goal comes between read and write. Every
        # event changes the tally of the lifetime, whatever periods it counts for.
        tallies.merge(connection, {TallyKey(user_id, goal.stat): Tally()})
        view = players.read(connection, user_id, current).view
        if is_already_set(goal, active, view):
            return view
        assignment, completed = switch(goal, active, view, catalogue, now)
        assignments.store(connection, user_id, goal.id, assignment)
        period = view.period_of(goal)
        if completed and period is not None:
            key = CompletionKey(user_id, goal.id, period.start, 1)
            changes = StandingChanges(catalogue)
            changes.complete(connection, {key: record_of(goal, None, assignment.active_since, period.start)})
            changes.store(connection)
        return players.read(connection, user_id, current).view

    current = current_periods(catalogue, now)
    view = view_player(database, user_id, deadline, current)
    if is_already_set(goal, active, view):
        return view
    return database.transact(store_switch, deadline)
