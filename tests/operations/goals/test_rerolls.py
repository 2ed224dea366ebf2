"""Rerolls of one player at once, beside events, and under lost connections."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import pytest

from shared.domain.catalogue import Catalogue
from shared.domain.current_periods import current_periods
from shared.domain.errors import GoalCompleted, GoalInactive, NotAPool, NothingToDraw, RequestIdReused, RerollsSpent
from shared.domain.events import Event
from shared.domain.goal import Source, Stat
from shared.domain.instant import DAY, Instant
from shared.operations.catalogue.pool_record import with_pools
from shared.operations.goals.reroll import Rerolled, reroll_goal
from shared.operations.goals.view_player import view_player
from shared.postgres.database import Database
from tests.support.databases import opened, soon
from tests.support.flushing import flush
from tests.support.pool_catalogue import MEMBERS, member, pool_catalogue
from tests.support.proxy import TcpProxy, proxy_to
from tests.support.strategies import FIRST_DAY

NOW: Instant = FIRST_DAY * DAY
BUDGET = 3


def drawing(database: Database, **differing: Any) -> Catalogue:
    """Return the catalogue with a pool that draws on this database."""
    return with_pools(database, pool_catalogue(**{"rerolls": BUDGET, **differing}), NOW, soon())


def selected(database: Database, catalogue: Catalogue, user_id: str = "player", now: Instant = NOW) -> list[str]:
    """Return the goals of the pool that a player has."""
    return sorted(view_player(database, user_id, soon(), current_periods(catalogue, now)).selected)


def reroll(
    database: Database, catalogue: Catalogue, goal_id: str, request_id: str | None = None, user_id: str = "player"
) -> Rerolled:
    """Replace a goal."""
    goal = catalogue.goals[goal_id]
    challenge = catalogue.challenge_by_id[goal.challenge_id]
    return reroll_goal(database, catalogue, user_id, challenge, goal, request_id, NOW, soon()).result


def reach(database: Database, catalogue: Catalogue, *goal_ids: str, user_id: str = "player") -> None:
    """Report events that reach the targets of goals."""
    events = [Event(f"reach {goal_id}", user_id, NOW, Stat(Source.STAT, goal_id), delta=3) for goal_id in goal_ids]
    flush(database, catalogue, events, soon())


def test_a_replaced_goal_does_not_return_while_others_were_not_offered(database: Database) -> None:
    catalogue = drawing(database, rerolls=20)
    seen = set(selected(database, catalogue))
    for left in range(19, 13, -1):
        goal_id = selected(database, catalogue)[0]
        rerolled = reroll(database, catalogue, goal_id)
        assert rerolled.rerolls_left == left
        assert rerolled.goal_id not in seen
        seen.add(rerolled.goal_id)
        assert rerolled.goal_id in selected(database, catalogue)
        assert goal_id not in selected(database, catalogue)
    assert seen == set(MEMBERS)
    assert reroll(database, catalogue, selected(database, catalogue)[0]).goal_id in seen


def test_a_reroll_holds_for_its_period_alone(database: Database) -> None:
    catalogue = drawing(database)
    tomorrow = selected(database, catalogue, now=NOW + DAY)
    reroll(database, catalogue, selected(database, catalogue)[0])
    assert selected(database, catalogue, now=NOW + DAY) == tomorrow


def test_a_reached_or_suspended_goal_does_not_replace_another(database: Database) -> None:
    catalogue = drawing(database)
    first, second = selected(database, catalogue)
    others = [goal_id for goal_id in MEMBERS if goal_id not in (first, second)]
    reach(database, catalogue, *others[1:])
    assert reroll(database, catalogue, first).goal_id == others[0]
    reach(database, catalogue, others[0], first)
    with pytest.raises(NothingToDraw):
        reroll(database, catalogue, second)
    with pytest.raises(GoalCompleted):
        reroll(database, catalogue, others[0])
    assert selected(database, catalogue) == sorted([others[0], second])


def test_a_player_who_has_all_goals_is_told_first_that_one_is_completed(database: Database) -> None:
    catalogue = drawing(database, select=len(MEMBERS))
    first, second, *_ = selected(database, catalogue)
    reach(database, catalogue, first)
    with pytest.raises(GoalCompleted):
        reroll(database, catalogue, first)
    with pytest.raises(NothingToDraw):
        reroll(database, catalogue, second)


def test_the_budget_of_a_period_can_be_spent_once(database: Database) -> None:
    catalogue = drawing(database, rerolls=1)
    assert reroll(database, catalogue, selected(database, catalogue)[0]).rerolls_left == 0
    with pytest.raises(RerollsSpent) as spent:
        reroll(database, catalogue, selected(database, catalogue)[0])
    assert spent.value.metadata == {"rerolls": "1", "reset_time": "2024-02-29T00:00:00+00:00"}


def test_only_goals_of_a_pool_that_the_player_has_are_replaced(database: Database) -> None:
    catalogue = drawing(database)
    other = next(goal_id for goal_id in MEMBERS if goal_id not in selected(database, catalogue))
    with pytest.raises(GoalInactive):
        reroll(database, catalogue, other)
    with pytest.raises(NotAPool):
        reroll(database, catalogue, "veteran")


def test_a_request_id_replaces_once_and_belongs_to_one_goal(database: Database) -> None:
    catalogue = drawing(database)
    first, second = selected(database, catalogue)
    rerolled = reroll(database, catalogue, first, "one")
    assert reroll(database, catalogue, first, "one") == rerolled
    with pytest.raises(RequestIdReused):
        reroll(database, catalogue, second, "one")
    assert selected(database, catalogue) == sorted([rerolled.goal_id, second])


def test_as_many_rerolls_at_once_succeed_as_the_budget_allows(database: Database, database_url: str) -> None:
    catalogue = drawing(database)

    def try_one(number: int, own: Database) -> int:
        with suppress(RerollsSpent, GoalInactive):
            reroll(own, catalogue, selected(own, catalogue)[number % 2], f"request {number}")
            return 1
        return 0

    with opened(database_url, pool_size=4) as other, ThreadPoolExecutor(8) as callers:
        succeeded = sum(callers.map(try_one, range(20), [database, other] * 10))
    # Calls that lost the race for a goal were refused: now the rest of the budget is spent.
    while succeeded < BUDGET:
        succeeded += try_one(100 + succeeded, database)
    assert succeeded == BUDGET
    with pytest.raises(RerollsSpent):
        reroll(database, catalogue, selected(database, catalogue)[0])
    rows = database.autocommit(
        lambda connection: connection.execute("SELECT rerolls, cardinality(goal_ids) FROM selection").fetchall(), soon()
    )
    assert rows == [(BUDGET, 2)]


def test_a_reroll_beside_the_deciding_event_replaces_the_goal_or_leaves_it_completed(database: Database) -> None:
    catalogue = drawing(database)
    for number in range(12):
        user_id = f"player {number}"
        goal_id = selected(database, catalogue, user_id)[0]
        with ThreadPoolExecutor(2) as callers:
            rerolling = callers.submit(reroll, database, catalogue, goal_id, user_id=user_id)
            reaching = callers.submit(reach, database, catalogue, *MEMBERS, user_id=user_id)
        assert reaching.exception() is None
        view = view_player(database, user_id, soon(), current_periods(catalogue, NOW))
        error = rerolling.exception()
        if error is None:
            # It came first, so the event found the other goal.
            assert goal_id not in view.completions
            assert rerolling.result().goal_id in view.completions
        else:
            assert isinstance(error, GoalCompleted | NothingToDraw)
            assert goal_id in view.completions
        assert set(view.completions) == view.selected


def drop_commit(proxy: TcpProxy) -> None:
    """Let the next COMMIT reach the server, and drop its reply."""
    proxy.drop_reply(after=lambda chunk: b"commit\0" in chunk)


def drop_lock(proxy: TcpProxy) -> None:
    """Cut the connection while the selection is locked."""
    proxy.drop_reply(after=lambda chunk: b"lock_selection" in chunk)


def drop_store(proxy: TcpProxy) -> None:
    """Cut the connection before COMMIT."""
    proxy.drop_reply(after=lambda chunk: b"store_" in chunk)


@pytest.mark.parametrize("request_id", ["one", None], ids=["request id", "no request id"])
@pytest.mark.parametrize("drop", [drop_commit, drop_lock, drop_store])
def test_a_call_says_what_it_replaced_although_replies_are_lost(
    database_url: str, drop: Callable[[TcpProxy], None], request_id: str | None
) -> None:
    with proxy_to(database_url) as (proxy, url), opened(url, pool_size=1) as database:
        catalogue = drawing(database)
        first, second = selected(database, catalogue)
        drop(proxy)
        rerolled = reroll(database, catalogue, first, request_id)
        assert proxy.dropped == 1
        assert rerolled.rerolls_left == BUDGET - 1
        assert selected(database, catalogue) == sorted([rerolled.goal_id, second])


def test_a_removed_goal_is_followed_by_the_next_one(database: Database) -> None:
    catalogue = drawing(database)
    first, second = selected(database, catalogue)
    rerolled = reroll(database, catalogue, first)
    remaining = [member(goal_id) for goal_id in MEMBERS if goal_id != rerolled.goal_id]
    smaller = with_pools(database, pool_catalogue(*remaining, rerolls=BUDGET), NOW, soon())
    found = selected(database, smaller)
    assert len(found) == 2
    assert second in found
    assert rerolled.goal_id not in found
