"""Claim of all rewards that can be claimed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from shared.domain.catalogue import Catalogue, Goal, Reward
from shared.domain.claims import Claim, check_claimable
from shared.domain.errors import AlreadyClaimed, ChallengeError
from shared.domain.events import CompletionKey
from shared.domain.grants import NO_ROUTES, Routes
from shared.domain.instant import Instant
from shared.domain.periods import LIFETIME_START
from shared.domain.progress import PlayerView, goal_status
from shared.domain.standings import record_of
from shared.operations.goals.view_player import view_player
from shared.operations.rewards.claim import is_stored, store_claim
from shared.operations.statistics.standing_changes import StandingChanges
from shared.postgres.connection import Connection
from shared.postgres.database import Database
from shared.postgres.rewards import outbox

CLAIMS_PER_TRANSACTION = 100
"""Claims stored in one transaction. This bounds how long rows stay locked."""


HasRoom = Callable[[Goal, Reward], bool]
"""Test for room in the response: true if the result of a goal with this reward may still be returned."""


class GoalClaim(NamedTuple):
    """Result for one completed goal."""

    goal: Goal
    claim: Claim | None
    newly_claimed: bool = False
    refusal: ChallengeError | None = None
    """Why it cannot be claimed. Set if and only if there is no claim."""

    @property
    def reward(self) -> Reward:
        """The reward that was claimed, or that could be."""
        return self.goal.reward if self.claim is None else self.claim.reward


def claim_all(
    database: Database,
    catalogue: Catalogue,
    user_id: str,
    goals: Iterable[Goal],
    now: Instant,
    deadline: float,
    *,
    routes: Routes = NO_ROUTES,
    has_room: HasRoom = lambda _goal, _reward: True,
) -> list[GoalClaim]:
    """Claim all claimable rewards of these goals. Return a result for each completed goal, in the given order.

    A repeated call returns the earlier claims. What `has_room` refuses is neither claimed nor returned; it is asked
    about claimable rewards first. Raise `DatabaseUnavailable`, `DeadlineExceeded` or `Overloaded`, after which some
    rewards may be claimed.
    """
    view = view_player(database, user_id, deadline)
    completed = [goal for goal in goals if goal_status(goal, view, catalogue).completed]
    refusals = _refusals(completed, view, catalogue)
    claimable = [goal for goal in completed if goal.id not in refusals and has_room(goal, goal.reward)]

    made: dict[str, Claim] = {}
    for start in range(0, len(claimable), CLAIMS_PER_TRANSACTION):
        batch = claimable[start : start + CLAIMS_PER_TRANSACTION]
        made |= _claim_batch(database, catalogue, user_id, batch, view, now, deadline, routes)

    has_result = {goal.id for goal in claimable} | refusals.keys()
    others = [goal.id for goal in completed if goal.id in has_result and goal.id not in made]
    stored: Mapping[str, Claim] = {}
    if others:
        stored = database.autocommit(
            lambda connection: outbox.find_of_goals(connection, user_id, LIFETIME_START, others), deadline
        )
    results = [_result(goal, made, stored, refusals) for goal in completed if goal.id in has_result]
    return [result for result in results if result.goal.id not in refusals or has_room(result.goal, result.reward)]


def _result(
    goal: Goal, made: Mapping[str, Claim], stored: Mapping[str, Claim], refusals: Mapping[str, ChallengeError]
) -> GoalClaim:
    if goal.id in made:
        return GoalClaim(goal, made[goal.id], newly_claimed=True)
    refusal = refusals.get(goal.id)
    if refusal is None or isinstance(refusal, AlreadyClaimed):
        return GoalClaim(goal, stored[goal.id])
    return GoalClaim(goal, None, refusal=refusal)


def _refusals(goals: Iterable[Goal], view: PlayerView, catalogue: Catalogue) -> dict[str, ChallengeError]:
    refusals: dict[str, ChallengeError] = {}
    for goal in goals:
        try:
            check_claimable(goal_status(goal, view, catalogue))
        except ChallengeError as refusal:
            refusals[goal.id] = refusal
    return refusals


def _claim_batch(
    database: Database,
    catalogue: Catalogue,
    user_id: str,
    goals: Sequence[Goal],
    view: PlayerView,
    now: Instant,
    deadline: float,
    routes: Routes,
) -> dict[str, Claim]:
    """Return the new claims by goal id, without goals that another call has claimed meanwhile."""
    keys = {CompletionKey(user_id, goal.id, LIFETIME_START, 1): goal for goal in goals}

    def store(connection: Connection) -> dict[str, Claim]:
        changes = StandingChanges(catalogue)
        missing = {
            key: record_of(goal, None, goal_status(goal, view, catalogue).assign_time)
            for key, goal in keys.items()
            if goal.id not in view.completions
        }
        if missing:
            # Satisfied without an event, so the claim stores the completion.
            changes.complete(connection, missing)
        claims = [store_claim(connection, key, keys[key], None, now, routes, changes) for key in sorted(keys)]
        changes.store(connection)
        return {claim.key.goal_id: claim for claim in claims if claim is not None}

    def written(connection: Connection, _: int, claims: Mapping[str, Claim]) -> bool:
        return all(is_stored(connection, claim) for claim in claims.values())

    return database.transact(store, deadline, written=written)
