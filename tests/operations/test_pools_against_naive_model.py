"""Pools against a naive model: events in any order, splitting and repetition, beside rerolls and claims."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.domain.catalogue import Catalogue
from shared.domain.current_periods import current_periods
from shared.domain.errors import AlreadyClaimed, ChallengeError
from shared.domain.events import Event
from shared.domain.goal import Source, Stat
from shared.domain.instant import DAY, HOUR, Instant
from shared.domain.progress import PlayerView, goal_status
from shared.operations.catalogue.pool_record import with_pools
from shared.operations.goals.reroll import reroll_goal
from shared.operations.goals.view_player import view_player
from shared.operations.rewards.claim import claim_reward
from shared.postgres.database import Database
from tests.catalogue.documents import Mapping, goal, loaded
from tests.support.databases import flushed, soon
from tests.support.laws import examples
from tests.support.naive_pools import Completed, NaivePool
from tests.support.sample_catalogue import challenge
from tests.support.strategies import FIRST_DAY

PLAYERS = ("ann", "bob")
NOW = FIRST_DAY * DAY + 12 * HOUR
STATS = ("kills", "wins")


class Report(NamedTuple):
    """A batch of events."""

    events: tuple[Event, ...]


class Reroll(NamedTuple):
    """A reroll of the goal with this number, of those that the player has or of all."""

    player: str
    number: int
    of_selection: bool


class Wait(NamedTuple):
    """Another instant becomes the present."""

    now: Instant


Step: TypeAlias = Report | Reroll | Wait

events = st.builds(
    Event,
    st.sampled_from([f"event '{number}'" for number in range(12)]),
    st.sampled_from(PLAYERS),
    # Late, of now and of the next day: it counts for the selection of its own day.
    st.integers(-50, 20).map(lambda hours: NOW + hours * HOUR),
    st.sampled_from([Stat(Source.STAT, code) for code in STATS]),
    st.integers(0, 3),
    st.integers(0, 6),
)
members = st.fixed_dictionaries(
    {
        "stat": st.sampled_from(STATS),
        "count": st.sampled_from(["sum", "events", "highest"]),
        "target": st.integers(1, 6),
        "weight": st.integers(1, 3),
    }
)
steps = st.one_of(
    st.builds(Report, st.lists(events, min_size=1, max_size=6).map(tuple)),
    st.builds(Reroll, st.sampled_from(PLAYERS), st.integers(0, 7), st.booleans()),
    st.builds(Wait, st.integers(-30, 20).map(lambda hours: NOW + hours * HOUR)),
)


class Pooled(NamedTuple):
    """The definition of a pool, and what happens."""

    members: Sequence[Mapping]
    select: int
    no_repeat: int
    rerolls: int
    steps: Sequence[Step]


stories = st.builds(
    Pooled,
    st.lists(members, min_size=2, max_size=8),
    st.integers(1, 2),
    st.integers(0, 2),
    st.integers(0, 3),
    st.lists(steps, max_size=10),
)


@dataclass
class System:
    """The operations on one pool, whose names are its own in the database."""

    database: Database
    story: Pooled
    now: Instant = NOW
    prefix: str = field(default_factory=lambda: uuid4().hex)

    def __post_init__(self) -> None:
        goals = [goal(f"{self.prefix} {number}", **each) for number, each in enumerate(self.story.members)]
        keys = {"select": self.story.select, "no_repeat": self.story.no_repeat, "rerolls": self.story.rerolls}
        document = {
            "schedules": [{"id": "daily", "every": "day"}],
            "challenges": [challenge(self.prefix, *goals) | {"schedule": "daily", **keys}],
        }
        self.catalogue: Catalogue = with_pools(self.database, loaded(document), NOW - 9 * DAY, soon())
        self.challenge = self.catalogue.challenge_by_id[self.prefix]

    def order(self, player: str, start: Instant) -> list[str]:
        """Return the order of a player's draw."""
        assert self.catalogue.pools is not None
        pool = self.catalogue.pools.by_challenge[self.prefix]
        return list(self.catalogue.pools.order(pool, self.prefix + player, start, ()))

    def report(self, reported: Sequence[Event]) -> set[Completed]:
        """Flush events, and return what they complete."""
        own = [event._replace(user_id=self.prefix + event.user_id) for event in reported]
        completions = [each for outcome in flushed(self.database, self.catalogue, own) for each in outcome.completions]
        assert len(set(completions)) == len(completions)
        return {(each.user_id.removeprefix(self.prefix), each.goal_id, each.period_start) for each in completions}

    def reroll(self, player: str, goal_id: str) -> type[ChallengeError] | str:
        """Replace a goal, and return the one that comes for it; return the error if it is refused."""
        member = self.catalogue.goals[goal_id]
        user_id = self.prefix + player
        try:
            done = reroll_goal(self.database, self.catalogue, user_id, self.challenge, member, None, self.now, soon())
        except ChallengeError as error:
            return type(error)
        return done.result.goal_id

    def view(self, player: str) -> PlayerView:
        """Return the player as of now."""
        return view_player(self.database, self.prefix + player, soon(), current_periods(self.catalogue, self.now))


def compare(system: System, model: NaivePool, step: Step) -> None:
    """Do a step in both, and compare all results."""
    today = system.now // DAY * DAY
    match step:
        case Report(reported):
            assert system.report(reported) == model.report(reported)
        case Reroll(player, number, of_selection):
            among = model.selection(player, today) if of_selection else [each.id for each in model.challenge.goals]
            goal_id = among[number % len(among)]
            expected = model.reroll(player, system.catalogue.goals[goal_id], today)
            assert system.reroll(player, goal_id) == expected
        case Wait(now):
            system.now = now
    compare_players(system, model)


def compare_players(system: System, model: NaivePool) -> None:
    """Compare what both players see of the pool."""
    today = system.now // DAY * DAY
    for player in PLAYERS:
        view, selection = system.view(player), model.selection(player, today)
        assert view.selected == frozenset(selection)
        for member in model.challenge.goals:
            status, reached = goal_status(member, view, system.catalogue), model.measure(member, player, today)
            assert status.active == (member.id in selection)
            assert status.progress == (min(reached, member.target) if status.active else 0)
            assert status.completed == ((player, member.id, today) in model.completed())


def play(database: Database, story: Pooled) -> tuple[System, NaivePool]:
    """Do all steps in both."""
    system = System(database, story)
    model = NaivePool(system.challenge, system.order)
    for step in story.steps:
        compare(system, model, step)
    return system, model


@examples(20, slow=120)
def test_a_pool_with_events_and_rerolls_matches_the_naive_model(one_connection: Database, examples: int) -> None:
    @settings(max_examples=examples)
    @given(stories)
    def law(story: Pooled) -> None:
        system, model = play(one_connection, story)
        # Whatever was completed is claimable once, whatever the player has by now.
        for player, goal_id, start in sorted(model.completed()):
            member, user_id = system.catalogue.goals[goal_id], system.prefix + player
            claim_reward(
                one_connection, system.catalogue, user_id, member, None, NOW + 2 * DAY, soon(), period_start=start
            )
            with pytest.raises(AlreadyClaimed):
                claim_reward(
                    one_connection, system.catalogue, user_id, member, None, NOW + 2 * DAY, soon(), period_start=start
                )

    law()


@examples(12, slow=80)
def test_events_of_pool_goals_in_any_order_splitting_and_repetition_match_the_naive_model(
    one_connection: Database, examples: int
) -> None:
    @settings(max_examples=examples)
    @given(stories, st.lists(events, max_size=15), st.randoms(use_true_random=False))
    def law(story: Pooled, reported: list[Event], chance: random.Random) -> None:
        system, model = play(one_connection, story)
        # The first of two events with one id and day counts, so only repetitions of the same may change places.
        fresh = {(each.user_id, each.event_id, each.day): each for each in reported}
        arriving = [each for key, each in fresh.items() if key not in model.events] * 2
        completed = model.report(arriving)
        chance.shuffle(arriving)
        found: set[Completed] = set()
        while arriving:
            size = chance.randint(1, len(arriving))
            batch, arriving = arriving[:size], arriving[size:]
            found |= system.report(batch)
        assert found == completed
        for days in (-2, -1, 0, 1):
            system.now = NOW + days * DAY
            compare_players(system, model)

    law()
