"""Claiming a reward: the claim and its grant are stored together, once."""

from __future__ import annotations

from shared.domain.catalogue import Catalogue, Goal
from shared.domain.claims import Claim, ClaimState, check_claimable, grant_id
from shared.domain.errors import AlreadyClaimed, RequestIdReused
from shared.domain.events import CompletionKey
from shared.domain.grants import NO_PROVIDER, NO_ROUTES, Routes
from shared.domain.instant import Instant
from shared.domain.periods import LIFETIME_START
from shared.domain.progress import GoalState, goal_status
from shared.domain.standings import record_of
from shared.operations.standing_changes import StandingChanges
from shared.postgres import completions, grants, players
from shared.postgres.connection import Connection
from shared.postgres.database import Database


def claim_reward(
    database: Database,
    catalogue: Catalogue,
    user_id: str,
    goal: Goal,
    request_id: str | None,
    now: Instant,
    deadline: float,
    *,
    routes: Routes = NO_ROUTES,
) -> Claim:
    """Claim the reward of a goal, or answer the claim that was made under the same request id.

    Raises `AlreadyClaimed`, `GoalInactive`, `GoalNotCompleted`, `GoalLocked`, `RequestIdReused`, or
    `DatabaseUnavailable`, `DeadlineExceeded` and `Overloaded`, after which the same call may be sent again.
    """
    key = CompletionKey(user_id, goal.id, LIFETIME_START, 1)

    def find_or_store(connection: Connection) -> Claim:
        earlier = grants.find_by_request(connection, user_id, request_id) if request_id is not None else None
        if earlier is not None:
            if earlier.key != key:
                raise RequestIdReused("the request id belongs to another claim", goal_id=earlier.key.goal_id)
            return earlier
        view = players.read(connection, user_id).view
        status = goal_status(goal, view, catalogue)
        if status.state is GoalState.CLAIMED:
            return _claim_of_another_call(connection, key, request_id)
        check_claimable(status)
        changes = StandingChanges(catalogue)
        if goal.id not in view.completions:
            # Satisfied without an event: the claim is the first to say so.
            changes.complete(connection, {key: record_of(goal, None, status.assign_time)})
        claim = store_claim(connection, key, goal, request_id, now, routes, changes)
        changes.store(connection)
        return _claim_of_another_call(connection, key, request_id) if claim is None else claim

    # Doing it again would find the goal claimed, and a caller without a request id could not tell by whom.
    return database.transact(find_or_store, deadline, written=lambda connection, _, claim: is_stored(connection, claim))


def store_claim(
    connection: Connection,
    key: CompletionKey,
    goal: Goal,
    request_id: str | None,
    now: Instant,
    routes: Routes,
    changes: StandingChanges,
) -> Claim | None:
    """Claim a completion that is stored, and put its grant into the queue; None if it is claimed already."""
    claimed = completions.mark_claimed(connection, key, now)
    if claimed is None:
        return None
    changes.claim(key.user_id, claimed, now)
    number = claimed.claim_number
    claim = Claim(key, request_id, ClaimState.PENDING, goal.reward, grant_id(key, number), now, number)
    grants.insert(connection, claim, routes.get(goal.reward.type, NO_PROVIDER))
    return claim


def is_stored(connection: Connection, claim: Claim) -> bool:
    """Whether this very claim is stored, however far it is."""
    found = grants.find(connection, claim.key)
    return found is not None and found.is_same_claim(claim)


def _claim_of_another_call(connection: Connection, key: CompletionKey, request_id: str | None) -> Claim:
    """The claim that another call has made, if it was made under the same request id: perhaps since this one looked."""
    claim = grants.find(connection, key)
    if claim is not None and request_id is not None and claim.request_id == request_id:
        return claim
    raise AlreadyClaimed("the reward is claimed already")
