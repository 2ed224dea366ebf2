"""Claim of a reward. The claim and its grant are stored together, once."""

from __future__ import annotations

from shared.domain.catalogue import Catalogue
from shared.domain.claims import Claim, check_claimable
from shared.domain.current_periods import current_periods
from shared.domain.errors import (
    AlreadyClaimed,
    ClaimEnded,
    GoalInactive,
    GoalLocked,
    GoalNotCompleted,
    OccurrenceNotFound,
    RequestIdReused,
)
from shared.domain.events import CompletionKey
from shared.domain.goal import Goal
from shared.domain.grants import NO_ROUTES, Granting, Routes
from shared.domain.instant import Instant
from shared.domain.standings import record_of
from shared.operations.rewards.choose_period import choose_period
from shared.operations.statistics.standing_changes import StandingChanges
from shared.postgres.connection import Connection
from shared.postgres.database import Database
from shared.postgres.goals import players
from shared.postgres.rewards import outbox

_REFUSALS = (
    OccurrenceNotFound,
    ClaimEnded,
    AlreadyClaimed,
    GoalInactive,
    GoalNotCompleted,
    GoalLocked,
    RequestIdReused,
)


def claim_reward(
    database: Database,
    catalogue: Catalogue,
    user_id: str,
    goal: Goal,
    request_id: str | None,
    now: Instant,
    deadline: float,
    *,
    claim_time: Instant | None = None,
    period_start: Instant | None = None,
    routes: Routes = NO_ROUTES,
) -> Claim:
    """Claim the reward of a goal, or return the claim made under the same request id.

    Without `period_start` the period is the current one if the goal is completed in it, otherwise the newest past one
    in which it is completed and whose claim end is ahead. `claim_time` is when the grant is due, by default `now`.

    Raise `OccurrenceNotFound`, `ClaimEnded`, `AlreadyClaimed`, `GoalInactive`, `GoalNotCompleted`, `GoalLocked`,
    `RequestIdReused`, or `DatabaseUnavailable`, `DeadlineExceeded` and `Overloaded`, after which the same call may be
    sent again.
    """

    def store(connection: Connection) -> Claim:
        view = players.read(connection, user_id, current_periods(catalogue, now)).view
        _, period, status, stored = choose_period(connection, catalogue, user_id, goal, view, period_start, now)
        check_claimable(status)
        key = CompletionKey(user_id, goal.id, period.start, 1)
        changes = StandingChanges(catalogue, now, Granting(now if claim_time is None else claim_time, routes))
        if not stored:
            # Satisfied without an event, so the claim stores the completion.
            record = record_of(goal, None, status.assign_time, period.start)
            changes.complete(connection, {key: record}, left_unclaimed=(key,))
        claim = changes.claim(connection, (key,), request_id).get(key)
        if claim is None:
            # Claimed since this transaction read the player.
            raise AlreadyClaimed("the reward has already been claimed")
        changes.store(connection)
        return claim

    try:
        # A repeated transaction would find the goal claimed, and without a request id could not tell by which call.
        return database.transact(store, deadline, written=lambda connection, _, claim: is_stored(connection, claim))
    except _REFUSALS as refusal:
        # An earlier claim stays valid, whatever has changed since and whatever period is current now. Nearly every call
        # is the first under its id, so the earlier claim is read only here: a second claim under one id is refused
        # with `RequestIdReused` before it is committed.
        earlier = _claim_under(database, user_id, request_id, deadline)
        if earlier is None:
            raise
        if earlier.key.goal_id != goal.id or period_start not in (None, earlier.key.period_start):
            raise RequestIdReused("the request id belongs to another claim", goal_id=earlier.key.goal_id) from refusal
        return earlier


def is_stored(connection: Connection, claim: Claim) -> bool:
    """Return whether exactly this claim is stored, in any state."""
    found = outbox.find(connection, claim.key)
    return found is not None and found.is_same_claim(claim)


def _claim_under(database: Database, user_id: str, request_id: str | None, deadline: float) -> Claim | None:
    """Return the claim that the player made under this request id."""
    if request_id is None:
        return None
    return database.autocommit(lambda connection: outbox.find_by_request(connection, user_id, request_id), deadline)
