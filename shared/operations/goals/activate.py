"""Activation and deactivation of a goal for a player."""

from __future__ import annotations

from collections.abc import Callable, Collection

from shared.domain.activation import Switch, is_already_set, switch
from shared.domain.activation_limits import check_activation, is_limited
from shared.domain.catalogue import Catalogue, Challenge
from shared.domain.current_periods import current_periods
from shared.domain.events import CompletionKey
from shared.domain.goal import Goal
from shared.domain.grants import Granting
from shared.domain.instant import Instant
from shared.domain.progress import PlayerView
from shared.domain.selecting import refuse_pool
from shared.domain.standings import CompletionRecord, record_of
from shared.operations.rewards.auto_claims import in_all_periods
from shared.operations.statistics.standing_changes import StandingChanges
from shared.postgres.connection import Connection
from shared.postgres.database import Database
from shared.postgres.events import tallies
from shared.postgres.goals import assignments, completions, player_goals, selections
from shared.postgres.goals.selections import SelectionKey
from shared.postgres.transaction import NothingStored


def set_goal_active(
    database: Database,
    catalogue: Catalogue,
    user_id: str,
    goal: Goal,
    active: bool,
    now: Instant,
    deadline: float,
    granting: Granting | None = None,
) -> PlayerView:
    """Make the goal active or inactive, and return the resulting view of it. Write nothing if it is already set.

    The view has the status of this goal alone. The choice holds across periods. What it freezes or completes, it does
    in the current period. A switch that completes nothing takes two round trips.
    `granting` is for goals that are claimed automatically.

    Raise `SelectedByPool`, `ActivationLocked`, `OnCooldown`, `ActivationLimitReached`, `DatabaseUnavailable`,
    `DeadlineExceeded` or `Overloaded`.
    """
    challenge = catalogue.challenge_by_id[goal.challenge_id]
    refuse_pool(challenge)

    def store_switch(connection: Connection) -> Callable[[], PlayerView]:
        if limited:
            # No other activation comes between the count and the write.
            selections.lock(connection, SelectionKey(user_id, challenge.id), None, now)
        # No event or other switch of this goal comes between read and write. Every event changes the tally of the
        # lifetime, whatever periods it counts for.
        tallies.lock(connection, user_id, goal.stat)
        read_inactive_since = None
        if limited and challenge.cooldown:
            read_inactive_since = assignments.read_inactive_since(connection, user_id, [goal.id])
        view = player_goals.read(connection, user_id, goals, current)
        if is_already_set(goal, active, view):
            raise _AlreadySet(view)
        switched = switch(goal, active, view, catalogue, now)
        after = switched.applied_to(view, goal)
        if limited:
            inactive_since = {} if read_inactive_since is None else read_inactive_since()
            check_activation(challenge, (goal,), view, after, inactive_since, catalogue, now)
        assignments.store(connection, user_id, goal.id, switched.assignment, now)
        changes = StandingChanges(catalogue, now, granting)
        changes.note_assignments(user_id)
        records = _completed(user_id, goal, switched, view)
        stored = changes.complete(connection, records, left_unclaimed=() if active else records) if records else {}
        if active and goal.id in catalogue.auto_claimed:
            # Completions from before it was switched off wait for their rewards.
            changes.unlock(connection, [in_all_periods(user_id, goal, now)])
        changes.store(connection)
        if changes.claims or stored.keys() != records.keys():
            # Claims decide what the goal shows, and so does what was completed in turn, or meanwhile by a claim.
            return player_goals.read_later(connection, user_id, goals, current)
        if not records:
            return lambda: after
        # A completion that operators took back has its claim again.
        start = next(iter(records)).period_start
        completed = completions.read_new_later(connection, user_id, start, goal.id)
        return lambda: after.with_completions(goal, completed())

    current = current_periods(catalogue, now)
    limited = active and is_limited(challenge, (goal,))
    goals = [goal, *(catalogue.goals[required] for required in goal.requires)]
    if limited:
        goals = list(_needed_goals(challenge, goal, catalogue))
    try:
        return database.transact(store_switch, deadline)()
    except _AlreadySet as already_set:
        return already_set.view


def _completed(user_id: str, goal: Goal, switched: Switch, view: PlayerView) -> dict[CompletionKey, CompletionRecord]:
    """Return what a switch of the goal completes in its current period."""
    period, since = view.period_of(goal), switched.assignment.active_since
    if period is None:
        return {}
    return {
        CompletionKey(user_id, goal.id, period.start, each): record_of(goal, None, since, period.start, each)
        for each in switched.completed
    }


def _needed_goals(challenge: Challenge, goal: Goal, catalogue: Catalogue) -> Collection[Goal]:
    """Return the goals that decide whether the goal can be activated, with it and those that it requires."""
    found = {goal.id: goal}
    if challenge.max_active is not None:
        found |= {each.id: each for each in challenge.goals}
    for each in tuple(found.values()):
        found |= {required: catalogue.goals[required] for required in (*each.requires, *each.requires_to_activate)}
    return found.values()


class _AlreadySet(NothingStored):
    """Nothing is to be stored, the tally that was locked included."""

    def __init__(self, view: PlayerView) -> None:
        super().__init__()
        self.view = view
