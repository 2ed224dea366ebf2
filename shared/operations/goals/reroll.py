"""Rerolls: the transaction that replaces a goal that a player has from a pool by another one of the pool."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from shared.domain.catalogue import Catalogue, Challenge
from shared.domain.current_periods import current_periods, shown_periods
from shared.domain.errors import GoalCompleted, GoalInactive, NotAPool, NothingToDraw, RerollsSpent
from shared.domain.goal import Goal
from shared.domain.instant import Instant, to_datetime
from shared.domain.player_zones import NO_ZONES
from shared.domain.progress import PlayerView
from shared.domain.rerolls import is_reached, replacement
from shared.operations.goals.selection_requests import (
    SelectionChange,
    SelectionOutcome,
    SelectionRequest,
    change_selection,
)
from shared.operations.goals.view_player import player_zones
from shared.postgres.connection import Connection
from shared.postgres.database import Database
from shared.postgres.events import tallies
from shared.postgres.goals import player_goals
from shared.postgres.goals.selections import SelectionKey, StoredSelection

_NOTHING_DONE = PlayerView({}, {}, {})


class Rerolled(NamedTuple):
    """The outcome of a reroll."""

    goal_id: str
    """The goal that the player has now."""
    rerolls_left: int
    """Number of goals that the player may still replace in this period."""


def reroll_goal(
    database: Database,
    catalogue: Catalogue,
    user_id: str,
    challenge: Challenge,
    goal: Goal,
    request_id: str | None,
    now: Instant,
    deadline: float,
) -> SelectionOutcome[Rerolled]:
    """Replace a goal that the player has in the current period of a pool, and return the outcome.

    Repeated with the same `request_id`, the call returns the first outcome and replaces nothing. `deadline` is in
    monotonic seconds.

    Raise `NotAPool`, `GoalInactive`, `RerollsSpent`, `GoalCompleted`, `NothingToDraw`, `RequestIdReused`, or
    `DatabaseUnavailable`, `DeadlineExceeded` and `Overloaded`, after which the same call may be sent again.
    """
    budget = challenge.pool
    if budget is None or catalogue.pools is None:
        raise NotAPool("the challenge is not a pool, so the player chooses its goals", challenge_id=challenge.id)
    pools, pool = catalogue.pools, catalogue.pools.by_challenge[challenge.id]
    zones = player_zones(database, user_id, deadline) if pool.schedule.by_player else NO_ZONES
    period = pool.schedule.of_player(zones).shown_at(now)
    if period is None or period.end is None:
        raise GoalInactive("the pool has no current period")
    start, end = period.start, period.end
    current = current_periods(catalogue, now)
    goals = {each.id: each for each in challenge.goals}

    def read_before(_: Connection) -> None:
        """Read nothing: which tallies to lock before reading depends on the selection."""

    def change(connection: Connection, stored: StoredSelection, _: None) -> SelectionChange[Rerolled]:
        selected = pools.selection(pool, user_id, start, zones, stored.goal_ids)
        if goal.id not in selected:
            raise GoalInactive("the player does not have the goal in this period", goal_id=goal.id)
        if stored.rerolls >= budget.rerolls:
            raise RerollsSpent(
                "the player has replaced as many goals in this period as the pool allows",
                rerolls=f"{budget.rerolls}",
                reset_time=to_datetime(end).isoformat(),
            )
        order = list(pools.order(pool, user_id, start, zones))

        def next_goal(view: PlayerView) -> Goal | None:
            if is_reached(goal, view):
                raise GoalCompleted("the goal is completed already", goal_id=goal.id)
            free = replacement(
                order, selected, lambda each: not goals[each].suspended and not is_reached(goals[each], view)
            )
            return None if free is None else goals[free]

        # Nearly always the next goal is not reached, so it is locked unseen. Under the lock no event comes in between.
        # Even if there is none, the goal may be completed, which is the reason that the player is told first.
        planned: Goal | None = goal
        found = next_goal(_NOTHING_DONE)
        while planned != found:
            planned = found
            for stat in catalogue.cascades.locked_with((goal,) if planned is None else (goal, planned)):
                tallies.lock(connection, user_id, stat)
            found = next_goal(player_goals.read(connection, user_id, challenge.goals, current))
        if found is None:
            raise NothingToDraw("the player has all other goals of the pool, or has reached their targets")
        replaced = tuple(found.id if each == goal.id else each for each in selected)
        rerolls = stored.rerolls + 1
        return SelectionChange(Rerolled(found.id, budget.rerolls - rerolls), True, replaced, rerolls)

    request = SelectionRequest("RerollGoal", (goal.id,), request_id)
    key = SelectionKey(user_id, challenge.id, start)
    shown = shown_periods(catalogue, now)
    return change_selection(database, key, request, read_before, change, _decoded, shown, now, deadline)


def _decoded(stored: Mapping[str, Any]) -> Rerolled:
    return Rerolled(stored["goal_id"], stored["rerolls_left"])
