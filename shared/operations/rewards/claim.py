"""Claim of a reward. The claim and its grant are stored together, once."""

from __future__ import annotations

from collections.abc import Callable

from shared.domain.catalogue import Catalogue
from shared.domain.claims import Claim, check_claimable
from shared.domain.current_periods import CurrentPeriods, current_periods
from shared.domain.errors import (
    AlreadyClaimed,
    AttributeMissing,
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
from shared.domain.instant import LIFETIME_START, Instant
from shared.domain.progress import PlayerView
from shared.domain.schedules import LIFETIME
from shared.domain.standings import record_of
from shared.operations.rewards.choose_period import choose_period
from shared.operations.rewards.store_claims import NONE_LOCKED
from shared.operations.statistics.standing_changes import StandingChanges
from shared.postgres.connection import Connection
from shared.postgres.database import Database
from shared.postgres.execution import Execution
from shared.postgres.goals import completions, player_goals, players
from shared.postgres.rewards import outbox
from shared.postgres.sqlstates import ContentRefused

_REFUSALS = (
    OccurrenceNotFound,
    ClaimEnded,
    AlreadyClaimed,
    GoalInactive,
    GoalNotCompleted,
    GoalLocked,
    AttributeMissing,
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
    occurrence: int | None = None,
    routes: Routes = NO_ROUTES,
) -> Claim:
    """Claim the reward of a goal, or return the claim made under the same request id.

    Without `period_start` the period is the current one if the goal is completed in it, otherwise the newest past one
    in which it is completed and whose claim end is ahead. Without `occurrence` it is the first one that is completed
    and unclaimed. `claim_time` is when the grant is due, by default `now`.

    Raise `OccurrenceNotFound`, `ClaimEnded`, `AlreadyClaimed`, `GoalInactive`, `GoalNotCompleted`, `GoalLocked`,
    `AttributeMissing`, `RequestIdReused`, or `DatabaseUnavailable`, `DeadlineExceeded` and `Overloaded`, after which
    the same call may be sent again.
    """
    current = current_periods(catalogue, now)
    expected = _expected_start(goal, period_start, current)
    in_turn = goal.steps > 1 and occurrence is None

    def store(connection: Connection) -> Claim | None:
        # Locked and read in one round trip, what is still unclaimed is claimed and committed in another.
        locks: dict[CompletionKey, Execution] = {}
        if expected is not None and not in_turn:
            key = CompletionKey(user_id, goal.id, expected, occurrence or 1)
            locks[key] = completions.lock_unclaimed(connection, key, several=not goal.has_plain_reward)
        view = _read(connection, catalogue, user_id, goal, current, None if in_turn else occurrence or 1)
        chosen = choose_period(connection, catalogue, user_id, goal, view, period_start, occurrence, now)
        _, period, status, stored = chosen
        check_claimable(status)
        key = CompletionKey(user_id, goal.id, period.start, chosen.occurrence)
        unclaimed = completions.unclaimed(locks[key]) if key in locks else None
        changes = StandingChanges(catalogue, now, Granting(now if claim_time is None else claim_time, routes))
        if not stored:
            # Satisfied without an event, so the claim stores the completion.
            record = record_of(goal, None, status.assign_time, period.start, chosen.occurrence)
            changes.complete_reached(connection, {key: record}, left_unclaimed=(key,))
        locked = NONE_LOCKED if unclaimed is None else {key: unclaimed}
        claim = changes.claim(connection, (key,), request_id, locked, view.attributes).get(key)
        if claim is not None or not stored:
            # A completion that operators took back has its claim once it is stored again. Rolled back, it would be
            # shown as claimable for ever.
            changes.store(connection)
            return claim
        # Claimed since this transaction read the player.
        raise _Overtaken

    try:
        # Each turn in vain finds another occurrence claimed. The next one may be completed, too.
        for _ in range(goal.steps + 1 if in_turn else 1):
            claim = _transact(database, store, deadline)
            if claim is not None:
                return claim
        raise AlreadyClaimed("the reward has already been claimed")
    except _REFUSALS as refusal:
        # An earlier claim stays valid, whatever has changed since and whatever period is current now. Nearly every call
        # is the first under its id, so the earlier claim is read only here: a second claim under one id is refused
        # with `RequestIdReused` before it is committed.
        earlier = _claim_under(database, user_id, request_id, deadline)
        if earlier is None:
            raise
        same_period = period_start in (None, earlier.key.period_start)
        if earlier.key.goal_id != goal.id or not same_period or occurrence not in (None, earlier.key.occurrence):
            raise RequestIdReused("the request id belongs to another claim", goal_id=earlier.key.goal_id) from refusal
        return earlier


class _Overtaken(Exception):
    """Another call has claimed the occurrence that this one had chosen."""


def _expected_start(goal: Goal, period_start: Instant | None, current: CurrentPeriods) -> Instant | None:
    """Return the start of the period that the claim is nearly always for; None if it depends on the player."""
    text = goal.schedule.text
    if period_start is not None or goal.schedule == LIFETIME:
        return LIFETIME_START if period_start is None else period_start
    if text in current.by_player or text not in current.periods:
        return None
    return current.periods[text].start


def _read(
    connection: Connection,
    catalogue: Catalogue,
    user_id: str,
    goal: Goal,
    current: CurrentPeriods,
    occurrence: int | None,
) -> PlayerView:
    """Return a view of the player that has the status of the goal's occurrence; of each, if that is None."""
    required = [catalogue.goals[each] for each in goal.requires]
    goals = [goal, *required]
    if any(each.in_pool for each in goals):
        return players.read(connection, user_id, current).view
    if goal.schedule == LIFETIME and occurrence is not None:
        # Nearly every claim is of a stored completion. What its tally shows does not matter then.
        view = player_goals.read(connection, user_id, goals, current, tallies=False)
        if view.is_stored(goal, occurrence) and all(each.id in view.completions for each in required):
            return view
    return player_goals.read(connection, user_id, goals, current)


def _transact(database: Database, store: Callable[[Connection], Claim | None], deadline: float) -> Claim | None:
    """Return the claim; None if another one holds what was chosen."""

    def written(connection: Connection, _: int, claim: Claim | None) -> bool:
        return claim is not None and is_stored(connection, claim)

    try:
        # A repeated transaction would find the goal claimed, and without a request id could not tell by which call.
        return database.transact(store, deadline, written=written)
    except _Overtaken:
        return None
    except ContentRefused as refused:
        if outbox.is_reused_request_id(refused):
            raise RequestIdReused("the request id belongs to another claim") from refused
        raise


def is_stored(connection: Connection, claim: Claim) -> bool:
    """Return whether exactly this claim is stored, in any state."""
    found = outbox.find(connection, claim.key)
    return found is not None and found.is_same_claim(claim)


def _claim_under(database: Database, user_id: str, request_id: str | None, deadline: float) -> Claim | None:
    """Return the claim that the player made under this request id."""
    if request_id is None:
        return None
    return database.acknowledge(lambda connection: outbox.find_by_request(connection, user_id, request_id), deadline)
