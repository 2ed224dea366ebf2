"""Claims by period obey a naive model: whatever is claimed, refunded and completed, at whatever instant."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from typing import NamedTuple
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from shared.domain.claim_periods import PeriodStatus
from shared.domain.claims import Claim
from shared.domain.errors import (
    AlreadyClaimed,
    ChallengeError,
    ClaimEnded,
    GoalInactive,
    GoalLocked,
    GoalNotCompleted,
    OccurrenceNotFound,
    RequestIdReused,
)
from shared.domain.events import CompletionKey
from shared.domain.goal import Goal
from shared.domain.grant_changes import Act, refunded
from shared.domain.instant import DAY, Instant
from shared.domain.schedules import CLAIM_GRACE_DEFAULT, DAILY, WEEKLY
from shared.domain.standings import record_of
from shared.operations.rewards.claim import claim_reward
from shared.operations.rewards.claim_all import claim_all
from shared.operations.rewards.grant_admin import OperatorAction, perform
from shared.operations.rewards.list_claimable import ClaimableKey, key_of, list_claimable
from shared.operations.statistics.recalculate import recalculate
from shared.operations.statistics.standing_changes import StandingChanges
from shared.postgres.connection import Connection
from shared.postgres.database import Database
from tests.support.databases import soon
from tests.support.goals import catalogue_of, goal
from tests.support.strategies import FIRST_DAY

WEEK = 7 * DAY
START = (FIRST_DAY - 2) * DAY
"""A Monday."""
DAILY_GOAL = replace(goal("daily"), schedule=DAILY)
LOCKED = replace(goal("locked", requires=("daily",)), schedule=DAILY)
OPTIONAL = replace(goal("optional", default_assigned=False), schedule=DAILY)
WEEKLY_GOAL = replace(goal("weekly"), schedule=WEEKLY)
GOALS = (DAILY_GOAL, LOCKED, OPTIONAL, WEEKLY_GOAL)
CATALOGUE = catalogue_of(*GOALS)
PLAYERS: Iterator[str] = (f"player {number}" for number in count())

Outcome = tuple[str, Instant] | type[ChallengeError]


class Complete(NamedTuple):
    """An event completes a goal in a period, perhaps a late one."""

    goal: Goal
    instant: Instant


class Take(NamedTuple):
    """A claim."""

    goal: Goal
    now: Instant
    start: Instant | None
    request_id: str | None


class TakeAll(NamedTuple):
    """A claim of everything."""

    now: Instant


class Refund(NamedTuple):
    """A refund of a goal's newest claim."""

    goal: Goal


goals = st.sampled_from(GOALS)
# Boundaries of days, of a week and of claim ends, with the instants beside them.
instants = st.builds(
    lambda day, beside: START + day * DAY + beside, st.sampled_from([0, 1, 2, 6, 7, 8, 9, 14, 15]), st.integers(-1, 1)
)
starts = st.none() | st.builds(lambda day: START + day * DAY, st.sampled_from([0, 1, 2, 6, 7, 8])) | instants
steps = st.one_of(
    st.builds(Complete, goals, instants),
    st.builds(Take, goals, instants, starts, st.sampled_from([None, "one", "other"])),
    st.builds(TakeAll, instants),
    st.builds(Refund, goals),
)


class Model:
    """The rules of claims by period, recomputed from everything that happened."""

    def __init__(self) -> None:
        self.completed: set[tuple[str, Instant]] = set()
        self.claimed: dict[tuple[str, Instant], int] = {}
        """The number of the current claim."""
        self.numbers: dict[tuple[str, Instant], int] = {}
        self.requests: dict[str, tuple[str, Instant]] = {}

    def take(self, chosen: Goal, now: Instant, start: Instant | None, request_id: str | None) -> Outcome:
        if request_id in self.requests:
            goal_id, claimed_start = self.requests[request_id or ""]
            return (
                (goal_id, claimed_start) if goal_id == chosen.id and start in (None, claimed_start) else RequestIdReused
            )
        outcome = self._judge(chosen, now, start)
        if isinstance(outcome, tuple):
            self.claim(*outcome)
            if request_id is not None:
                self.requests[request_id] = outcome
        return outcome

    def claim(self, goal_id: str, start: Instant) -> None:
        self.numbers[goal_id, start] = self.numbers.get((goal_id, start), 0) + 1
        self.claimed[goal_id, start] = self.numbers[goal_id, start]

    def _judge(self, chosen: Goal, now: Instant, start: Instant | None) -> Outcome:
        length = WEEK if chosen.schedule == WEEKLY else DAY
        current = START + (now - START) // length * length
        candidates = [current - back * length for back in range(9)]
        open_ones = [each for each in candidates if each == current or each + length + CLAIM_GRACE_DEFAULT > now]
        if start is None:
            start = next((each for each in open_ones if (chosen.id, each) in self.completed), current)
        elif (start - START) % length or start > now:
            return OccurrenceNotFound
        elif start not in open_ones:
            return ClaimEnded
        if (chosen.id, start) in self.claimed:
            return AlreadyClaimed
        if (chosen.id, start) not in self.completed:
            return GoalInactive if chosen is OPTIONAL else GoalNotCompleted
        if chosen is LOCKED and ("daily", start) not in self.completed:
            return GoalLocked
        return chosen.id, start

    def all_of(self, now: Instant) -> set[tuple[str, Instant]]:
        """Return what can be claimed."""
        return {
            (each.id, start)
            for each in GOALS
            for goal_id, start in self.completed
            if goal_id == each.id and start <= now and self._judge(each, now, start) == (goal_id, start)
        }


class System:
    """The system, for one new player."""

    def __init__(self, database: Database) -> None:
        self.database, self.player = database, next(PLAYERS)
        self.granted: dict[str, CompletionKey] = {}
        self.newest: dict[tuple[str, Instant], Claim] = {}

    def complete(self, chosen: Goal, start: Instant, time: Instant) -> None:
        key = CompletionKey(self.player, chosen.id, start, 1)

        def store(connection: Connection) -> None:
            changes = StandingChanges(CATALOGUE, time)
            changes.complete(connection, {key: record_of(chosen, time, None)})
            changes.store(connection)

        self.database.transact(store, soon())

    def take(self, chosen: Goal, now: Instant, start: Instant | None, request_id: str | None) -> Outcome:
        try:
            claim = claim_reward(
                self.database, CATALOGUE, self.player, chosen, request_id, now, soon(), period_start=start
            )
        except ChallengeError as refusal:
            return type(refusal)
        self._note(claim)
        return claim.key.goal_id, claim.key.period_start

    def listed(self, now: Instant) -> list[tuple[str, Instant]]:
        """Return what the list of claimable rewards has, in pages of two."""
        found: list[tuple[str, Instant]] = []
        after = None
        while page := self._page(after, now):
            found += [(each.goal.id, each.period.start) for each in page]
            after = key_of(page[-1])
        return found

    def _page(self, after: ClaimableKey | None, now: Instant) -> list[PeriodStatus]:
        return list_claimable(self.database, CATALOGUE, self.player, after, 2, now, soon(), periods_at_first=3)

    def take_all(self, now: Instant) -> set[tuple[str, Instant]]:
        results = claim_all(self.database, CATALOGUE, self.player, GOALS, now, soon())
        fresh = [result.claim for result in results if result.newly_claimed and result.claim is not None]
        for claim in fresh:
            self._note(claim)
        assert len({(result.goal.id, result.period) for result in results}) == len(results)
        return {(claim.key.goal_id, claim.key.period_start) for claim in fresh}

    def refund(self, goal_id: str, start: Instant) -> None:
        claim = self.newest[goal_id, start]
        action = OperatorAction(Act.REFUND, lambda status: refunded(status, START), "ada", "a test")
        perform(self.database, UUID(claim.grant_id), action, START, soon(), dry=False)

    def _note(self, claim: Claim) -> None:
        """Check that a grant id always stands for the same completion."""
        assert self.granted.setdefault(claim.grant_id, claim.key) == claim.key
        self.newest[claim.key.goal_id, claim.key.period_start] = claim


@settings(max_examples=60)
@given(st.lists(steps, max_size=25))
def test_claims_by_period_match_the_naive_model(
    one_connection: Database, story: list[Complete | Take | TakeAll | Refund]
) -> None:
    system, model = System(one_connection), Model()
    for step in story:
        match step:
            case Complete(chosen, instant):
                period = chosen.schedule.period_at(instant)
                assert period is not None
                system.complete(chosen, period.start, instant)
                model.completed.add((chosen.id, period.start))
            case Take(chosen, now, start, request_id):
                assert system.take(chosen, now, start, request_id) == model.take(chosen, now, start, request_id)
            case TakeAll(now):
                expected = model.all_of(now)
                assert system.listed(now) == sorted(expected, key=lambda each: (each[1], each[0]), reverse=True)
                assert system.take_all(now) == expected
                for key in expected:
                    model.claim(*key)
            case Refund(chosen):
                for key in sorted(key for key in model.claimed if key[0] == chosen.id)[:1]:
                    system.refund(*key)
                    del model.claimed[key]
    assert {(key.goal_id, key.period_start) for key in system.granted.values()} == model.numbers.keys()
    assert len(system.granted) == sum(model.numbers.values())
    assert recalculate(one_connection, CATALOGUE, [system.player], soon()) == []
