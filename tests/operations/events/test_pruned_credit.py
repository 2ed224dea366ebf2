"""Pruned periods of goals that count from their activation on: who has started a challenge stays known."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from shared.domain.catalogue import Catalogue, Challenge
from shared.domain.events import Event
from shared.domain.goal import Counting, Credit, Goal
from shared.domain.instant import DAY, HOUR
from shared.domain.schedules import DAILY, WEEKLY, Schedule
from shared.operations.events.prune_tallies import TallyPruning
from shared.operations.goals.activate import set_goal_active
from shared.operations.statistics.challenge_reports import read_challenge_reports
from shared.postgres.database import Database
from tests.support.counting import count_challenges
from tests.support.databases import flushed, soon
from tests.support.goals import goal
from tests.support.strategies import FIRST_DAY, KILLS

PLAYERS = [f"player {number}" for number in range(40)]
LATER = (FIRST_DAY + 60) * DAY
"""An instant at which all periods of the histories are over for good."""


def credited(counting: Counting, schedule: Schedule) -> Goal:
    """Return a goal that no history completes."""
    found = goal(f"{counting} {schedule.text}", counting=counting, target=1_000, schedule=schedule)
    return replace(found, default_assigned=False, credit=Credit.FROM_ASSIGNMENT, challenge_id=found.id)


GOALS = [
    credited(counting, schedule)
    for counting in (Counting.SUM, Counting.EVENTS, Counting.DAYS)
    for schedule in (DAILY, WEEKLY)
]
CATALOGUE = Catalogue(
    "by hand",
    tuple(Challenge(each.id, "Alone", "", (each,)) for each in GOALS),
    frozenset({KILLS.code}),
)


def started(database: Database, version: str) -> dict[str, int]:
    """Count the players who have started each challenge."""
    assert count_challenges(database, replace(CATALOGUE, version=version), LATER)
    reports = read_challenge_reports(database, [each.id for each in GOALS], soon())
    return {each.challenge_id: each.started for each in reports}


def play(database: Database, player: str, chance: random.Random) -> None:
    """Play a history of a player: events, also late ones, and switches, on any of twelve days."""
    now = FIRST_DAY * DAY + HOUR
    for number in range(chance.randint(4, 24)):
        if chance.random() < 0.4:
            time = now - chance.choice((0, 0, 1, 2)) * DAY
            event = Event(f"{number}", player, time, KILLS, delta=chance.choice((0, 1, 3)))
            flushed(database, CATALOGUE, [event])
        elif chance.random() < 0.7:
            set_goal_active(database, CATALOGUE, player, chance.choice(GOALS), chance.random() < 0.8, now, soon())
        else:
            now += chance.choice((HOUR, DAY, 6 * DAY))


@pytest.mark.parametrize("seed", range(3))
def test_pruning_does_not_change_which_players_have_started_a_challenge(database: Database, seed: int) -> None:
    chance = random.Random(seed)
    for player in PLAYERS:
        play(database, player, chance)
    before = started(database, "before")
    assert all(0 < number < len(PLAYERS) for number in before.values())
    assert TallyPruning(database, lambda _: False).one_pass(CATALOGUE, 3 * DAY, LATER) > 0
    with_tallies = database.autocommit(
        lambda connection: connection.execute("SELECT count(*) FROM tally WHERE schedule <> 'lifetime'").fetchone(),
        soon(),
    )
    assert with_tallies == (0,)
    assert started(database, "after") == before
