"""Goals over goals and over points are completed by whatever completes what they count, once and without deadlocks."""

from __future__ import annotations

import random
from collections import Counter
from contextlib import suppress
from dataclasses import replace
from functools import partial
from uuid import uuid4

import pytest

from shared.domain.catalogue import Catalogue
from shared.domain.current_periods import current_periods
from shared.domain.errors import ChallengeError
from shared.domain.events import CompletionKey, Event
from shared.domain.goal import CountedGoals, Source
from shared.domain.grants import Granting
from shared.domain.instant import DAY, LIFETIME_START, Instant
from shared.domain.progress import GoalState
from shared.domain.reward import ClaimMode
from shared.domain.schedules import DAILY, WEEKLY
from shared.operations.goals.activate import set_goal_active
from shared.operations.goals.initialize import initialize_player
from shared.operations.goals.keep_completions import keep_completions
from shared.operations.goals.select_goals import select_goals
from shared.operations.goals.view_player import view_player
from shared.operations.rewards.claim import claim_reward
from shared.operations.rewards.claim_all import claim_all
from shared.operations.statistics.adjust_points import adjust_points
from shared.operations.statistics.recalculate import recalculate
from shared.postgres.database import Database
from shared.postgres.statistics.adjustments import NotedAdjustment
from tests.operations.events.test_concurrent_writers import at_once
from tests.support.databases import connected, flushed, opened, soon, status_of
from tests.support.deadlocks import assert_no_deadlock
from tests.support.goals import CHALLENGE_ID, catalogue_of, goal
from tests.support.goals_over_goals import goal_over
from tests.support.strategies import FIRST_DAY, KILLS, LOGIN_STAT, with_goal

NOW: Instant = FIRST_DAY * DAY
WIN = replace(goal("win", target=1), points=5)
LOSE = replace(goal("lose", stat=LOGIN_STAT, target=1), points=3)
ALL = goal_over("all", CountedGoals(goal_ids=("lose", "win")), 2, challenge_id=CHALLENGE_ID)
POINTS = goal_over("points", CountedGoals(), 8, source=Source.POINTS, challenge_id=CHALLENGE_ID)
BOTH = goal_over("both", CountedGoals(goal_ids=("all", "points")), 2, challenge_id=CHALLENGE_ID)
CATALOGUE = catalogue_of(BOTH, POINTS, ALL, WIN, LOSE)

WON = Event("won", "ann", NOW, KILLS, delta=1)
LOST = Event("lost", "ann", NOW + 1, LOGIN_STAT, delta=1)


def key(goal_id: str, start: Instant = LIFETIME_START, player: str = "ann") -> CompletionKey:
    """Return the key of a completion."""
    return CompletionKey(player, goal_id, start, 1)


def stored(database: Database, catalogue: Catalogue = CATALOGUE) -> set[str]:
    """Return the goals of which the player has a stored completion, after comparing standings with them."""
    assert recalculate(database, catalogue, ["ann"], soon()) == []
    current = current_periods(catalogue, NOW)
    return set(view_player(database, "ann", soon(), current).completions)


def test_an_event_names_all_that_it_completes_causes_first(one_connection: Database) -> None:
    first, second, last = flushed(one_connection, CATALOGUE, [WON, LOST, WON._replace(event_id="again")])
    assert first.completions == (key("win"),)
    assert second.completions[:1] == (key("lose"),)
    assert set(second.completions[1:3]) == {key("all"), key("points")}
    assert second.completions[3:] == (key("both"),)
    assert last.completions == ()
    assert status_of(one_connection, CATALOGUE, "ann", BOTH).complete_time == NOW + 1


def test_a_goal_without_a_target_in_reach_shows_how_far_it_is(one_connection: Database) -> None:
    flushed(one_connection, CATALOGUE, [WON])
    assert [status_of(one_connection, CATALOGUE, "ann", each).progress for each in (ALL, POINTS, BOTH)] == [1, 5, 0]


def test_the_counted_period_decides_not_the_day_of_the_event(one_connection: Database) -> None:
    daily = replace(WIN, schedule=DAILY)
    weekly = goal_over("all", CountedGoals(goal_ids=("win",)), 2, schedule=WEEKLY)
    catalogue = catalogue_of(daily, weekly)
    # Wednesday, the Sunday before, and Tuesday.
    outcomes = [
        flushed(one_connection, catalogue, [WON._replace(event_id=f"{day}", time=NOW + day * DAY)])[0]
        for day in (0, -3, -1)
    ]
    assert [len(outcome.completions) for outcome in outcomes] == [1, 1, 2]
    assert outcomes[2].completions[1] == key("all", NOW - 2 * DAY)


def test_a_claim_that_stores_a_completion_cascades(one_connection: Database) -> None:
    higher = with_goal(CATALOGUE, replace(WIN, target=2))
    flushed(one_connection, higher, [WON, LOST])
    assert stored(one_connection) == {"lose"}
    claim_reward(one_connection, CATALOGUE, "ann", WIN, None, NOW, soon())
    assert stored(one_connection) == {"lose", "win", "all", "points", "both"}


def test_a_login_stores_what_a_reload_has_completed_with_all_that_follows(one_connection: Database) -> None:
    higher = with_goal(with_goal(CATALOGUE, replace(WIN, target=2)), replace(POINTS, target=100))
    flushed(one_connection, higher, [WON, LOST])
    view, current = view_player(one_connection, "ann", soon()), current_periods(CATALOGUE, NOW)
    after = keep_completions(one_connection, CATALOGUE, "ann", view, current, NOW, soon(), Granting(NOW))
    assert set(after.completions) == stored(one_connection) == {"lose", "win", "all", "points", "both"}


def test_an_activation_that_completes_cascades(one_connection: Database) -> None:
    inactive = with_goal(CATALOGUE, replace(WIN, default_assigned=False))
    flushed(one_connection, inactive, [WON, LOST])
    assert stored(one_connection) == {"lose"}
    set_goal_active(one_connection, inactive, "ann", inactive.goals["win"], True, NOW, soon())
    assert stored(one_connection) == {"lose", "win", "all", "points", "both"}


def test_an_inactive_goal_is_completed_by_its_activation(one_connection: Database) -> None:
    inactive = with_goal(CATALOGUE, replace(ALL, default_assigned=False))
    flushed(one_connection, inactive, [WON, LOST])
    assert stored(one_connection) == {"lose", "win", "points"}
    set_goal_active(one_connection, inactive, "ann", inactive.goals["all"], True, NOW, soon())
    assert stored(one_connection) == {"lose", "win", "all", "points", "both"}


def test_automatic_claims_and_prerequisites_follow_the_cascade(one_connection: Database) -> None:
    catalogue = with_goal(CATALOGUE, replace(BOTH, claim_mode=ClaimMode.AUTO, requires=("win",)))
    flushed(one_connection, catalogue, [LOST, WON])
    assert status_of(one_connection, catalogue, "ann", catalogue.goals["both"]).state is GoalState.CLAIMED


@pytest.mark.parametrize(("points", "completed"), [(7, False), (-9, False), (8, True)])
def test_points_that_an_operator_gives_count_and_those_taken_do_not(
    one_connection: Database, points: int, completed: bool
) -> None:
    catalogue = with_goal(CATALOGUE, replace(POINTS, claim_mode=ClaimMode.AUTO))
    initialize_player(one_connection, "ann", None, NOW, soon())
    noted = NotedAdjustment(NOW, points, "ada", "a test")
    adjust_points(one_connection, catalogue, "ann", uuid4(), noted, soon())
    status = status_of(one_connection, catalogue, "ann", catalogue.goals["points"])
    assert status.progress == max(points, 0)
    # The next login claims it.
    assert (status.state is GoalState.COMPLETED) == completed
    assert status.complete_time == (NOW if completed else None)


PLAYERS = [f"player {number}" for number in range(6)]
PLAYED = catalogue_of(
    BOTH,
    replace(POINTS, target=15),
    replace(
        goal_over("all", CountedGoals(goal_ids=("lose 1", "win 1")), 2, challenge_id=CHALLENGE_ID),
        default_assigned=False,
    ),
    *(replace(WIN, id=f"win {target}", target=target, default_assigned=target % 3 > 0) for target in range(1, 8)),
    *(replace(LOSE, id=f"lose {target}", target=target, tags=("lost",)) for target in range(1, 6)),
    replace(goal_over("lost", CountedGoals(tag="lost"), 3, challenge_id=CHALLENGE_ID), claim_mode=ClaimMode.AUTO),
    goal_over("won", CountedGoals(goal_ids=("win 2", "win 3", "lost")), 3, challenge_id=CHALLENGE_ID),
    goal_over("won or lost", CountedGoals(goal_ids=("won", "lost", "lose 1")), 3, challenge_id=CHALLENGE_ID),
)
ARENA = PLAYED.challenges[0]


def test_cascades_of_two_handlers_and_all_calls_lose_nothing_and_never_deadlock(database_url: str) -> None:
    named: Counter[CompletionKey] = Counter()

    def write(database: Database, chance: random.Random) -> None:
        mine = [
            Event(f"{stat.code} {number}", player, NOW + number, stat, delta=1)
            for player in PLAYERS
            for stat in (KILLS, LOGIN_STAT)
            for number in range(8)
        ]
        chance.shuffle(mine)
        while mine:
            size = chance.randint(1, 20)
            named.update(
                done for outcome in flushed(database, PLAYED, mine[:size], NOW) for done in outcome.completions
            )
            mine = mine[size:]

    def call(database: Database, chance: random.Random) -> None:
        goals = list(PLAYED.goals.values())
        for _ in range(40):
            player, each = chance.choice(PLAYERS), chance.choice(goals)
            with suppress(ChallengeError):
                match chance.randrange(4):
                    case 0:
                        set_goal_active(database, PLAYED, player, each, chance.random() < 0.7, NOW, soon())
                    case 1:
                        chosen = [goal.id for goal in chance.sample(goals, 5)]
                        select_goals(database, PLAYED, player, ARENA, chosen, chance.random() < 0.5, None, NOW, soon())
                    case 2:
                        claim_reward(database, PLAYED, player, each, None, NOW, soon())
                    case _:
                        claim_all(database, PLAYED, player, goals, NOW, soon())

    with opened(database_url, pool_size=6) as database:
        for player in PLAYERS:
            initialize_player(database, player, None, NOW, soon())
        doers = [write, write, call, call, call, call]
        at_once([partial(doer, database, random.Random(seed)) for seed, doer in enumerate(doers)])
        # Goals that are active by now and were not at their turn.
        for player in PLAYERS:
            for each in PLAYED.goals.values():
                set_goal_active(database, PLAYED, player, each, True, NOW, soon())
        assert recalculate(database, PLAYED, PLAYERS, soon()) == []
        for player in PLAYERS:
            view = view_player(database, player, soon())
            assert set(view.completions) == PLAYED.goals.keys()
            for each in PLAYED.goals.values():
                counted = [other for other in view.completions if each.stat in PLAYED.cascades.fed_by.get(other, ())]
                points = sum(PLAYED.goals[other].points for other in counted)
                expected = points if each.stat.source is Source.POINTS else len(counted)
                assert each.counts is None or view.tallies[each.stat].measures.judged_by(each.counting) == expected
    assert all(times == 1 for times in named.values())
    with connected(database_url) as connection:
        assert_no_deadlock(connection)


def test_every_occurrence_of_a_goal_counts_for_goals_over_it(database: Database) -> None:
    repeating = replace(goal("win", target=2), repeat=5, points=5)
    over = replace(goal_over("wins", CountedGoals(goal_ids=("win",)), 2, challenge_id=CHALLENGE_ID), repeat=2)
    points = goal_over("points", CountedGoals(), 20, source=Source.POINTS, challenge_id=CHALLENGE_ID)
    catalogue = catalogue_of(repeating, over, points)
    (outcome,) = flushed(database, catalogue, [Event("jump", "ann", NOW, KILLS, delta=9)])
    assert [(each.goal_id, each.occurrence) for each in outcome.completions] == [
        *(("win", occurrence) for occurrence in (1, 2, 3, 4)),
        ("wins", 1),
        ("wins", 2),
        ("points", 1),
    ]
