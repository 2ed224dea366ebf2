"""Claim of all rewards that can be claimed."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

from shared.domain.catalogue import Catalogue
from shared.domain.claim_periods import PeriodStatus
from shared.domain.claims import Claim, check_claimable
from shared.domain.errors import AlreadyClaimed, ChallengeError
from shared.domain.events import CompletionKey
from shared.domain.goal import Goal
from shared.domain.grants import NO_ROUTES, Granting, Routes
from shared.domain.instant import Instant, Period
from shared.domain.reward import Reward
from shared.domain.standings import record_of
from shared.operations.rewards.claim import is_stored
from shared.operations.rewards.completed_goals import read_player_periods
from shared.operations.statistics.standing_changes import StandingChanges
from shared.postgres.connection import Connection
from shared.postgres.database import Database
from shared.postgres.goals import settled_completions
from shared.postgres.rewards import outbox

CLAIMS_PER_TRANSACTION = 100
"""Claims stored in one transaction. This bounds how long rows stay locked."""


HasRoom = Callable[[Goal, Sequence[Reward]], bool]
"""Test for room in the response: true if the result of a goal with these rewards may still be returned."""


class GoalClaim(NamedTuple):
    """Result for one completed occurrence of a goal in one period."""

    goal: Goal
    period: Period
    occurrence: int
    claim: Claim | None
    newly_claimed: bool = False
    refusal: ChallengeError | None = None
    """Why it cannot be claimed. Set if and only if there is no claim."""

    @property
    def rewards(self) -> Sequence[Reward]:
        """The rewards that were claimed, or that could be."""
        return (
            self.goal.rewards_of(self.occurrence) if self.claim is None else [claim.reward for claim in self.claim.each]
        )


def claim_all(
    database: Database,
    catalogue: Catalogue,
    user_id: str,
    goals: Iterable[Goal],
    now: Instant,
    deadline: float,
    *,
    claim_time: Instant | None = None,
    routes: Routes = NO_ROUTES,
    has_room: HasRoom = lambda _goal, _rewards: True,
) -> list[GoalClaim]:
    """Claim all claimable rewards of these goals, in current and past periods.

    Return a result for each completed goal, in the given order, and for each of its periods, newest first, and of its
    occurrences, the first one first; of a completion that cannot be claimed, it is the refusal. Completions that were
    claimed without a grant here, and those that were taken back meanwhile, have none. A repeated call returns the
    earlier claims. What `has_room` refuses is neither claimed nor returned; it is asked about claimable rewards first.
    `claim_time` is when grants are due, by default `now`. Claims are made in several transactions: raise
    `DatabaseUnavailable`, `DeadlineExceeded` or `Overloaded`, and some rewards may have been claimed by then.
    """
    player = read_player_periods(database, catalogue, user_id, now, deadline)
    completed = {
        CompletionKey(user_id, each.goal.id, each.period.start, each.occurrence): each
        for each in player.of_goals(goals)
    }
    refusals = _refusals(completed)
    claimable = [
        key
        for key, each in completed.items()
        if key not in refusals and has_room(each.goal, each.goal.rewards_of(each.occurrence))
    ]

    granting = Granting(now if claim_time is None else claim_time, routes)
    made: dict[CompletionKey, Claim] = {}
    for start in range(0, len(claimable), CLAIMS_PER_TRANSACTION):
        batch = {key: completed[key] for key in claimable[start : start + CLAIMS_PER_TRANSACTION]}
        made |= _claim_batch(database, catalogue, batch, player.view.attributes, now, granting, deadline)

    has_result = {*claimable, *refusals}
    others = [key for key in completed if key in has_result and key not in made]
    stored: Mapping[CompletionKey, Claim] = {}
    if others:
        stored = database.acknowledge(lambda connection: outbox.find_newest(connection, user_id, others), deadline)
        # A completion that was claimed elsewhere has no grant here, and one that was taken back since has no claim.
        has_result -= {
            key for key in others if key not in stored and isinstance(refusals.get(key), AlreadyClaimed | None)
        }
    results = {key: _result(key, completed[key], made, stored, refusals) for key in completed if key in has_result}
    return [result for key, result in results.items() if key not in refusals or has_room(result.goal, result.rewards)]


def _result(
    key: CompletionKey,
    completed: PeriodStatus,
    made: Mapping[CompletionKey, Claim],
    stored: Mapping[CompletionKey, Claim],
    refusals: Mapping[CompletionKey, ChallengeError],
) -> GoalClaim:
    place = completed.goal, completed.period, completed.occurrence
    if key in made:
        return GoalClaim(*place, made[key], newly_claimed=True)
    refusal = refusals.get(key)
    if refusal is None or isinstance(refusal, AlreadyClaimed):
        return GoalClaim(*place, stored[key])
    return GoalClaim(*place, None, refusal=refusal)


def _refusals(completed: Mapping[CompletionKey, PeriodStatus]) -> dict[CompletionKey, ChallengeError]:
    refusals: dict[CompletionKey, ChallengeError] = {}
    for key, each in completed.items():
        try:
            check_claimable(each.status)
        except ChallengeError as refusal:
            refusals[key] = refusal
    return refusals


def _claim_batch(
    database: Database,
    catalogue: Catalogue,
    batch: Mapping[CompletionKey, PeriodStatus],
    attributes: Collection[str],
    now: Instant,
    granting: Granting,
    deadline: float,
) -> dict[CompletionKey, Claim]:
    """Return the new claims, without those that another call has made meanwhile."""
    # Only what is claimed is packed: a goal may have got a reward since, or the player an attribute.
    perhaps_packed = [key for key, each in batch.items() if each.status.claim_time is not None]

    def store(connection: Connection) -> dict[CompletionKey, Claim]:
        if perhaps_packed:
            # Before rows are locked, as all transactions do that unpack.
            settled_completions.unpack_named_later(connection, perhaps_packed)
        changes = StandingChanges(catalogue, now, granting)
        missing = {
            key: record_of(each.goal, None, each.status.assign_time, each.period.start, each.occurrence)
            for key, each in batch.items()
            if not each.stored
        }
        if missing:
            # Satisfied without an event, so the claim stores the completion.
            changes.complete_reached(connection, missing, left_unclaimed=batch)
        claims = changes.claim(connection, batch, attributes=attributes)
        changes.store(connection)
        return claims

    def written(connection: Connection, _: int, claims: Mapping[CompletionKey, Claim]) -> bool:
        return all(is_stored(connection, claim) for claim in claims.values())

    return database.transact(store, deadline, written=written)
