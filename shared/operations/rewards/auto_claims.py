"""Rewards that are claimed without a call: which ones a transaction has to claim.

A goal with `claim: auto` is claimed by the transaction that stores its completion or completes its last prerequisite.
Two transactions may each complete one of two prerequisites and not see the other's completion. So they take turns, one
player at a time, after they have stored their completions: the later one sees both.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from shared.domain.catalogue import Catalogue
from shared.domain.events import CompletionKey
from shared.domain.goal import Goal
from shared.domain.instant import DAY, LIFETIME_START, SECOND, Instant
from shared.domain.player_zones import NO_ZONES, Zones
from shared.domain.rotation import claim_end, past_periods
from shared.domain.schedules import LIFETIME, Schedule
from shared.postgres.connection import Connection
from shared.postgres.goals import player_zones
from shared.postgres.rewards import auto_claims
from shared.postgres.rewards.auto_claims import Candidates, Prerequisite


def due_after(
    connection: Connection, catalogue: Catalogue, completed: Collection[CompletionKey], now: Instant
) -> set[CompletionKey]:
    """Return the completions to be claimed once these have been stored by the transaction."""
    due: set[CompletionKey] = set()
    candidates: set[Candidates] = set()
    for key in completed:
        goal = catalogue.auto_claimed.get(key.goal_id)
        if goal is not None and goal.requires:
            candidates.add(_in_one_period(key, goal))
        elif goal is not None:
            due.add(key)
        for dependent in catalogue.auto_claimed_after.get(key.goal_id, ()):
            if dependent.schedule == catalogue.goals[key.goal_id].schedule:
                candidates.add(_in_one_period(key, dependent))
            else:
                candidates.add(in_all_periods(key.user_id, dependent, now))
    return due | due_among(connection, catalogue, candidates, now) if candidates else due


def due_among(
    connection: Connection, catalogue: Catalogue, candidates: Collection[Candidates], now: Instant
) -> set[CompletionKey]:
    """Return the candidates to be claimed: completed, unlocked, active, never claimed, and with a claim end ahead.

    The rewards of a goal that was claimed before, and refunded or refused, are claimed by calls alone.
    """
    auto_claims.lock(connection, {candidate.user_id for candidate in candidates})
    found = auto_claims.read_never_claimed(connection, candidates)
    by_player = {key.user_id for key in found if catalogue.goals[key.goal_id].schedule.by_player}
    zones = player_zones.read_zones(connection, by_player) if by_player else {}
    claimable = [
        key
        for key in found
        # Tiers that the catalogue does not have any more have no rewards.
        if key.occurrence <= catalogue.goals[key.goal_id].steps
        and _lasts(catalogue.goals[key.goal_id].schedule, key, zones, now)
    ]
    required = {key: frozenset(_prerequisites(catalogue, key)) for key in claimable}
    met = auto_claims.read_met(connection, list(frozenset().union(*required.values())))
    return {key for key, prerequisites in required.items() if prerequisites <= met}


_LAST_START: Instant = 250_000_000_000 * SECOND
"""Later than the start of any period."""


def in_all_periods(user_id: str, goal: Goal, now: Instant) -> Candidates:
    """Return the completions of a goal in all periods whose claim end may be ahead."""
    schedule = goal.schedule
    if schedule == LIFETIME:
        return Candidates(user_id, goal.id, LIFETIME_START, LIFETIME_START)
    past = past_periods(schedule, now)
    shown = past[-1] if past else schedule.shown_at(now)
    first = now if shown is None else shown.start
    # Periods by a player's own days may start earlier, and events may be ahead of the clock.
    return Candidates(user_id, goal.id, max(0, first - DAY * 11), _LAST_START)


def _in_one_period(key: CompletionKey, goal: Goal) -> Candidates:
    return Candidates(key.user_id, goal.id, key.period_start, key.period_start)


def _lasts(schedule: Schedule, key: CompletionKey, zones: Mapping[str, Zones], now: Instant) -> bool:
    of_player = schedule.of_player(zones.get(key.user_id, NO_ZONES))
    period = of_player.shown_at(key.period_start)
    end = None if period is None else claim_end(of_player, period)
    return period is not None and (end is None or end > now)


def _prerequisites(catalogue: Catalogue, key: CompletionKey) -> Iterator[Prerequisite]:
    goal = catalogue.goals[key.goal_id]
    for required in map(catalogue.goals.__getitem__, goal.requires):
        if required.schedule in (goal.schedule, LIFETIME):
            start = key.period_start if required.schedule == goal.schedule else LIFETIME_START
            yield Prerequisite(key.user_id, required.id, start)
        else:
            yield Prerequisite(key.user_id, required.id, None)
