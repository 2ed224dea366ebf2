"""Activation and deactivation of several goals of a player in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Collection

from shared.domain.activation import is_already_set, switch
from shared.domain.catalogue import Catalogue
from shared.domain.current_periods import CurrentPeriods
from shared.domain.events import CompletionKey
from shared.domain.goal import Goal
from shared.domain.grants import Granting
from shared.domain.instant import Instant
from shared.domain.progress import Assignment, PlayerView
from shared.domain.rotation import past_periods
from shared.domain.schedules import LIFETIME
from shared.domain.selecting import Switches
from shared.domain.standings import CompletionRecord, record_of
from shared.operations.rewards.auto_claims import in_all_periods
from shared.operations.statistics.standing_changes import StandingChanges
from shared.postgres.connection import Connection
from shared.postgres.events import tallies
from shared.postgres.goals import assignments, completions, players


def switch_goals(
    connection: Connection,
    catalogue: Catalogue,
    user_id: str,
    current: CurrentPeriods,
    decide: Callable[[PlayerView], Switches],
    now: Instant,
    granting: Granting | None,
) -> Switches:
    """Store the switches that `decide` returns for the player, and return those that were needed.

    `current` are the current periods, and `granting` is for goals that are claimed automatically. The selection must be
    locked, as the lock order demands.
    """
    planned = decide(players.read(connection, user_id, current).view)
    goals = (*planned.on, *planned.off)
    if not goals:
        return planned
    # No event or other switch of these goals comes between read and write.
    for stat in sorted({goal.stat for goal in goals}):
        tallies.lock(connection, user_id, stat)
    view = players.read(connection, user_id, current).view
    rewarding = _with_past_rewards(connection, user_id, planned.off, view, now)
    needed = Switches(
        tuple(goal for goal in planned.on if not is_already_set(goal, True, view)),
        # What an event has completed in the meantime has a reward to claim.
        tuple(goal for goal in decide(view).off if goal in planned.off and goal.id not in rewarding),
    )
    if needed != Switches():
        changes = StandingChanges(catalogue, now, granting)
        _store(connection, catalogue, user_id, needed, view, now, changes)
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
) -> None:
    chosen: dict[str, Assignment] = {}
    records: dict[CompletionKey, CompletionRecord] = {}
    for goal, active in [*((goal, True) for goal in switches.on), *((goal, False) for goal in switches.off)]:
        switched = switch(goal, active, view, catalogue, now)
        chosen[goal.id] = switched.assignment
        period = view.period_of(goal)
        if switched.completed and period is not None:
            key = CompletionKey(user_id, goal.id, period.start, 1)
            records[key] = record_of(goal, None, switched.assignment.active_since, period.start)
    assignments.store_all(connection, user_id, chosen, now)
    if records:
        changes.complete(connection, records, left_unclaimed=[key for key in records if not chosen[key.goal_id].active])
    waiting = [in_all_periods(user_id, goal, now) for goal in switches.on if goal.id in catalogue.auto_claimed]
    if waiting:
        # What was completed before it was switched off waits for its reward.
        changes.unlock(connection, waiting)


def _with_past_rewards(
    connection: Connection, user_id: str, goals: Collection[Goal], view: PlayerView, now: Instant
) -> frozenset[str]:
    """Return the ids of those goals of which a past period has a reward that can still be claimed."""
    starts = {
        goal.id: {period.start for period in past_periods(goal.schedule.of_player(view.zones), now)}
        for goal in goals
        if goal.schedule != LIFETIME
    }
    every = sorted(set().union(*starts.values()))
    if not every:
        return frozenset()
    found = completions.read_of_goals(connection, user_id, every, sorted(starts))
    return frozenset(
        goal_id
        for start, completed in found.items()
        for goal_id, completion in completed.items()
        if completion.claim_time is None and start in starts[goal_id]
    )
