"""Goals with `claim: auto` are claimed by the transaction that completes or unlocks them, exactly once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import Any
from uuid import UUID

import pytest

from shared.domain.catalogue import Catalogue
from shared.domain.claims import ClaimState, grant_id
from shared.domain.errors import AlreadyClaimed
from shared.domain.events import CompletionKey, Event
from shared.domain.goal import Goal, Source, Stat
from shared.domain.grant_changes import Act, refunded
from shared.domain.grants import Granting
from shared.domain.instant import DAY, LIFETIME_START
from shared.domain.player_view import Completion
from shared.domain.reward import ClaimMode, RewardType
from shared.domain.schedules import DAILY, WEEKLY
from shared.operations.events.flush import Flush
from shared.operations.goals.activate import set_goal_active
from shared.operations.rewards.claim import claim_reward
from shared.operations.rewards.claim_all import claim_all
from shared.operations.rewards.grant_admin import OperatorAction, perform
from shared.operations.statistics.recalculate import recalculate
from shared.postgres.connection import Connection
from shared.postgres.database import Database
from shared.postgres.rewards.auto_claims import lock_key
from tests.support.databases import connected, flushed, opened, soon
from tests.support.deadlocks import assert_no_deadlock
from tests.support.goals import catalogue_of, goal
from tests.support.strategies import FIRST_DAY, KILLS
from tests.support.waiting import wait_until

NOW = FIRST_DAY * DAY
OTHER = Stat(Source.STAT, "other")
ROUNDS = 40


def auto(goal_id: str, **differing: Any) -> Goal:
    """Return a goal that one kill completes and that is claimed automatically."""
    return replace(goal(goal_id, target=1), claim_mode=ClaimMode.AUTO, **differing)


def kill(user_id: str = "player", event_id: str = "id", time: int = NOW, stat: Stat = KILLS) -> Event:
    return Event(event_id, user_id, time, stat, delta=1)


def claimed(database_url: str, user_id: str = "player") -> list[tuple[str, int, int]]:
    """Return goal, period and number of the player's current claims, each of which has its grant."""
    with connected(database_url) as connection:
        rows = connection.execute(
            "SELECT goal_id, microseconds(period_start), claim_number, grant_id"
            " FROM completion LEFT JOIN reward_outbox USING (user_id, goal_id, period_start, occurrence, claim_number)"
            " WHERE user_id = $1 AND completion.claim_time IS NOT NULL ORDER BY 1, 2",
            (user_id,),
        ).fetchall()
    for goal_id, start, number, granted in rows:
        assert granted == UUID(grant_id(CompletionKey(user_id, goal_id, start, 1), number))
    return [(goal_id, start, number) for goal_id, start, number, _ in rows]


def test_the_event_that_completes_a_goal_claims_it_as_a_call_would(database: Database, database_url: str) -> None:
    goals = (auto("automatic"), goal("by hand", target=1))
    catalogue, routes = catalogue_of(*goals), {RewardType.WALLET: "game"}
    Flush(database, catalogue, soon(), routes=routes, queue_clock=lambda: NOW + 5).run([kill()])
    claim_reward(database, catalogue, "player", goals[1], None, NOW + 5, soon(), routes=routes)
    with connected(database_url) as connection:
        automatic, by_hand = connection.execute(
            "SELECT claim_number, request_id, state, provider, reward_type, reward_id, quantity, priority, attempts,"
            " lease_token, due_time, create_time FROM reward_outbox ORDER BY goal_id"
        ).fetchall()
    assert automatic == by_hand
    assert claimed(database_url) == [("automatic", LIFETIME_START, 1), ("by hand", LIFETIME_START, 1)]
    with pytest.raises(AlreadyClaimed):
        claim_reward(database, catalogue, "player", goals[0], "request", NOW, soon())
    assert recalculate(database, catalogue, ["player"], soon()) == []


def test_a_batch_claims_for_all_of_its_players(database: Database, database_url: str) -> None:
    players = [f"player {number}" for number in range(500)]
    catalogue = catalogue_of(auto("a"), auto("b", requires=("a",)))
    flushed(database, catalogue, [kill(player) for player in players])
    assert all(
        claimed(database_url, player) == [("a", LIFETIME_START, 1), ("b", LIFETIME_START, 1)]
        for player in players[::99]
    )
    with connected(database_url) as connection:
        assert connection.execute("SELECT count(*) FROM reward_outbox").fetchall() == [(1_000,)]


def test_a_locked_goal_is_claimed_when_its_last_prerequisite_is_completed(
    database: Database, database_url: str
) -> None:
    first, second = goal("first", target=2), goal("second", stat=OTHER, target=1)
    catalogue = catalogue_of(first, second, auto("locked", requires=("first", "second")))
    flushed(database, catalogue, [kill()])
    flushed(database, catalogue, [kill(event_id="other", stat=OTHER)])
    assert claimed(database_url) == []
    flushed(database, catalogue, [kill(event_id="last")])
    assert claimed(database_url) == [("locked", LIFETIME_START, 1)]


def test_prerequisites_of_one_schedule_unlock_their_period_and_others_all(
    database: Database, database_url: str
) -> None:
    daily, ever = goal("daily", target=1, schedule=DAILY, stat=OTHER), goal("ever", target=9, stat=OTHER)
    same_day = auto("same day", schedule=DAILY, requires=("daily",))
    each_day = auto("each day", schedule=DAILY, requires=("ever",))
    once = auto("once", requires=("daily",))
    catalogue = catalogue_of(daily, ever, same_day, each_day, once)
    days = [NOW, NOW + 3 * DAY, NOW + 4 * DAY, NOW + 9 * DAY]
    flushed(database, catalogue, [kill(event_id=str(day), time=day) for day in days])
    flushed(database, catalogue, [kill(event_id="daily", time=days[1], stat=OTHER)], days[3])
    assert claimed(database_url) == [("once", LIFETIME_START, 1), ("same day", days[1], 1)]
    # The claim end of the first day has passed by then.
    late = [kill(event_id=f"ever {number}", time=days[3], stat=OTHER) for number in range(8)]
    flushed(database, catalogue, late, days[3])
    expected = [("each day", day, 1) for day in days[1:]]
    assert [each for each in claimed(database_url) if each[0] == "each day"] == expected


def test_a_goal_that_is_switched_off_is_claimed_once_it_is_on_again(database: Database, database_url: str) -> None:
    locked = auto("locked", requires=("first",))
    catalogue = catalogue_of(goal("first", target=2), locked)
    flushed(database, catalogue, [kill()])
    set_goal_active(database, catalogue, "player", locked, False, NOW, soon())
    flushed(database, catalogue, [kill(event_id="second")])
    assert claimed(database_url) == []
    view = set_goal_active(database, catalogue, "player", locked, True, NOW, soon(), Granting(NOW + 7))
    assert view.completions["locked"].claim_time == NOW + 7
    assert claimed(database_url) == [("locked", LIFETIME_START, 1)]


def test_an_activation_that_completes_a_goal_claims_it(database: Database, database_url: str) -> None:
    optional = auto("optional", default_assigned=False)
    catalogue = catalogue_of(optional)
    flushed(database, catalogue, [kill()])
    assert claimed(database_url) == []
    view = set_goal_active(database, catalogue, "player", optional, True, NOW + 3, soon())
    assert view.completions["optional"] == Completion(None, NOW + 3)
    assert claimed(database_url) == [("optional", LIFETIME_START, 1)]


def test_nothing_is_claimed_of_a_suspended_goal(database: Database, database_url: str) -> None:
    first, locked = goal("first", target=2), auto("locked", requires=("first",))
    flushed(database, catalogue_of(first, locked), [kill()])
    suspended = catalogue_of(first, replace(locked, suspended=True), auto("other", suspended=True))
    flushed(database, suspended, [kill(event_id="second")])
    assert claimed(database_url) == []
    assert claim_reward(database, suspended, "player", suspended.goals["locked"], None, NOW, soon()).claim_number == 1


def test_a_refunded_goal_is_claimed_by_a_call_alone(database: Database, database_url: str) -> None:
    won = auto("win", default_assigned=True)
    catalogue = catalogue_of(won)
    flushed(database, catalogue, [kill()])
    granted = UUID(grant_id(CompletionKey("player", "win", LIFETIME_START, 1), 1))
    action = OperatorAction(Act.REFUND, lambda status: refunded(status, NOW), "ada", "a test")
    perform(database, granted, action, NOW, soon(), dry=False)
    for active in (False, True):
        set_goal_active(database, catalogue, "player", won, active, NOW, soon())
    flushed(database, catalogue, [kill(event_id="second")])
    assert claimed(database_url) == []
    claim = claim_reward(database, catalogue, "player", won, "request", NOW, soon())
    assert (claim.claim_number, claim.state) == (2, ClaimState.PENDING)


@pytest.mark.parametrize("all_at_once", [False, True], ids=["ClaimReward", "ClaimAll"])
def test_a_claim_that_stores_a_completion_unlocks_what_requires_it(
    database: Database, database_url: str, all_at_once: bool
) -> None:
    locked = auto("locked", requires=("first",))
    flushed(database, catalogue_of(goal("first", target=5), locked), [kill()])
    lowered = auto("first")
    catalogue = catalogue_of(lowered, locked)
    if all_at_once:
        results = claim_all(database, catalogue, "player", [lowered], NOW, soon())
        assert [result.newly_claimed for result in results] == [True]
    else:
        assert claim_reward(database, catalogue, "player", lowered, "request", NOW, soon()).request_id == "request"
    assert claimed(database_url) == [("first", LIFETIME_START, 1), ("locked", LIFETIME_START, 1)]
    assert recalculate(database, catalogue, ["player"], soon()) == []


LOCKED = auto("locked", requires=("first", "second"))
TWO = catalogue_of(goal("first", target=1), goal("second", target=1, stat=OTHER), replace(LOCKED, target=1))
OPTIONAL = replace(LOCKED, default_assigned=False, schedule=WEEKLY)
WITH_OPTIONAL = catalogue_of(*(replace(TWO.goals[each], schedule=WEEKLY) for each in ("first", "second")), OPTIONAL)
Step = Callable[[Database, str], object]


def complete(catalogue: Catalogue, stat: Stat) -> Step:
    return lambda database, player: flushed(database, catalogue, [kill(player, f"{stat.code} {player}", stat=stat)])


def activate(database: Database, player: str) -> None:
    set_goal_active(database, WITH_OPTIONAL, player, OPTIONAL, True, NOW, soon())


@pytest.mark.parametrize(
    ("first", "second"),
    [(complete(TWO, KILLS), complete(TWO, OTHER)), (complete(WITH_OPTIONAL, OTHER), activate)],
    ids=["two events", "an event and an activation"],
)
@pytest.mark.parametrize("turned", [False, True])
def test_the_later_of_two_transactions_at_once_claims_what_both_unlock(
    database: Database, database_url: str, first: Step, second: Step, turned: bool
) -> None:
    """Each waits for the player's turn after it has stored its part, so neither has seen the other's."""
    with ThreadPoolExecutor(2) as callers, connected(database_url) as holder, connected(database_url) as observer:
        if second is activate:
            complete(WITH_OPTIONAL, KILLS)(database, "player")
        holder.execute("BEGIN")
        holder.execute("SELECT pg_advisory_xact_lock(1667785069, $1)", (lock_key("player"),))
        under_way = []
        for number, step in enumerate((second, first) if turned else (first, second), 1):
            under_way.append(callers.submit(step, database, "player"))
            wait_until(partial(are_waiting, observer, number))
        holder.execute("COMMIT")
        for each in under_way:
            each.result(60)
    assert [goal_id for goal_id, _, _ in claimed(database_url)] == ["locked"]


def are_waiting(observer: Connection, number: int) -> bool:
    """Return True if this many transactions wait for the turn of a player."""
    waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND classid = 1667785069 AND NOT granted"
    return observer.execute(waiting.encode()).fetchall() == [(number,)]


def test_one_of_two_handlers_that_complete_prerequisites_at_once_claims(database_url: str) -> None:
    players, start = [f"player {number}" for number in range(ROUNDS)], threading.Barrier(2)

    def play(stat: Stat) -> None:
        for player in players:
            start.wait(60)
            complete(TWO, stat)(database, player)

    with opened(database_url) as database, ThreadPoolExecutor(2) as handlers:
        for handler in [handlers.submit(play, stat) for stat in (KILLS, OTHER)]:
            handler.result(60)
        assert recalculate(database, TWO, players, soon()) == []
    assert all(claimed(database_url, player) == [("locked", LIFETIME_START, 1)] for player in players)
    with connected(database_url) as connection:
        assert_no_deadlock(connection)
