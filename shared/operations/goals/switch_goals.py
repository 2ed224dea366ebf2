"""Activation and deactivation of several goals of a player in one transaction."""

from __future__ import annotations

from collections.abc import Callable

from shared.domain.activation import is_already_set, switch
from shared.domain.activation_limits import check_activation, is_limited
from shared.domain.catalogue import Catalogue, Challenge
from shared.domain.current_periods import current_periods
from shared.domain.events import CompletionKey
from shared.domain.goal import Goal
from shared.domain.grants import Granting
from shared.domain.instant import Instant
from shared.domain.progress import Assignment, Completion, GoalState, PlayerView, completed_state
from shared.domain.rotation import past_periods
from shared.domain.schedules import LIFETIME
from shared.domain.selecting import Circumstances, Switches, can_be_replaced
from shared.domain.standings import CompletionRecord, record_of
from shared.operations.rewards.auto_claims import in_all_periods
from shared.operations.statistics.standing_changes import StandingChanges
from shared.postgres.connection import Connection
from shared.postgres.events import tallies
from shared.postgres.goals import assignments, completions, player_goals, players


def read_circumstances(
    connection: Connection, catalogue: Catalogue, user_id: str, challenge: Challenge, now: Instant, *, replace: bool
) -> Circumstances:
    """Return what a selection in the challenge depends on; with `replace` also what must not be deactivated."""
    inactive_since = None
    if challenge.cooldown:
        goal_ids = [goal.id for goal in challenge.goals]
        inactive_since = assignments.read_inactive_since(connection, user_id, goal_ids)
    view = players.read(connection, user_id, current_periods(catalogue, now)).view
    rewarding = _with_past_rewards(connection, user_id, challenge, view, now) if replace else frozenset()
    return Circumstances(view, rewarding, {} if inactive_since is None else inactive_since())


def switch_goals(
    connection: Connection,
    catalogue: Catalogue,
    user_id: str,
    challenge: Challenge,
    player: Circumstances,
    decide: Callable[[Circumstances], Switches],
    now: Instant,
    granting: Granting | None,
) -> Switches:
    """Store the switches that `decide` returns for goals of the challenge, and return those that were needed.

    `player` is as read in this transaction, in which the selection is locked, as the lock order demands. `granting` is
    for goals that are claimed automatically.

    Raise `ActivationLocked`, `OnCooldown` or `ActivationLimitReached`.
    """
    current = current_periods(catalogue, now)
    planned = decide(player)
    goals = (*planned.on, *planned.off)
    if not goals:
        return planned
    # No event or other switch of these goals comes between read and write.
    for stat in catalogue.cascades.locked_with(goals):
        tallies.lock(connection, user_id, stat)
    if is_limited(challenge, planned.on):
        view = players.read(connection, user_id, current).view
    else:
        required = [catalogue.goals[other] for goal in goals for other in goal.requires]
        view = player_goals.read(connection, user_id, {each.id: each for each in (*goals, *required)}.values(), current)
    player = player._replace(view=view)
    needed = Switches(
        tuple(goal for goal in planned.on if not is_already_set(goal, True, player.view)),
        # A goal that an event has completed in the meantime has a reward to claim.
        tuple(goal for goal in planned.off if can_be_replaced(goal, player, catalogue)),
    )
    if needed != Switches():
        changes = StandingChanges(catalogue, now, granting)
        after = _store(connection, catalogue, user_id, needed, player.view, now, changes)
        if is_limited(challenge, needed.on):
            check_activation(challenge, needed.on, player.view, after, player.inactive_since, catalogue, now)
        changes.store(connection)
    return needed


def _store(
    connection: Connection,
    catalogue: Catalogue,
    user_id: str,
    switches: Switches,
    view: PlayerView,
    now: Instant,
    changes: StandingChanges,
) -> PlayerView:
    """Store assignments, completions and claims; return the player afterwards."""
    after = view
    chosen: dict[str, Assignment] = {}
    records: dict[CompletionKey, CompletionRecord] = {}
    for goal, active in [*((goal, True) for goal in switches.on), *((goal, False) for goal in switches.off)]:
        switched = switch(goal, active, view, catalogue, now)
        chosen[goal.id] = switched.assignment
        after = switched.applied_to(after, goal)
        period = view.period_of(goal)
        if switched.completed and period is not None:
            since = switched.assignment.active_since
            for each in switched.completed:
                key = CompletionKey(user_id, goal.id, period.start, each)
                records[key] = record_of(goal, None, since, period.start, each)
    assignments.store_all(connection, user_id, chosen, now)
    changes.note_assignments(user_id)
    if records:
        changes.complete(connection, records, left_unclaimed=[key for key in records if not chosen[key.goal_id].active])
    waiting = [in_all_periods(user_id, goal, now) for goal in switches.on if goal.id in catalogue.auto_claimed]
    if waiting:
        # Completions from before it was switched off wait for their rewards.
        changes.unlock(connection, waiting)
    return after


def _with_past_rewards(
    connection: Connection, user_id: str, challenge: Challenge, view: PlayerView, now: Instant
) -> frozenset[str]:
    """Return the ids of active goals of which a past period has a reward that can still be claimed."""
    members = {goal.id: goal for goal in challenge.goals}
    active = (goal_id for goal_id, assignment in view.assignments.items() if assignment.active and goal_id in members)
    starts = {
        goal_id: {period.start for period in past_periods(members[goal_id].schedule.of_player(view.zones), now)}
        for goal_id in active
        if members[goal_id].schedule != LIFETIME
    }
    every = sorted(set().union(*starts.values()))
    if not every:
        return frozenset()
    found = completions.read_of_goals(connection, user_id, every, sorted(starts))
    return frozenset(
        goal_id
        for start, completed in found.items()
        for goal_id, occurrences in completed.items()
        if start in starts[goal_id]
        and any(
            _has_reward(members[goal_id], occurrence, completion, view)
            for occurrence, completion in occurrences.items()
        )
    )


def _has_reward(goal: Goal, occurrence: int, completion: Completion, view: PlayerView) -> bool:
    """Return whether a completion has a reward that can be claimed: not that of a tier that was removed."""
    if goal.tiers and occurrence > goal.steps:
        return False
    return completed_state(goal, completion, view, occurrence)[0] is GoalState.COMPLETED
