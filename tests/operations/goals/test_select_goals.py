"""Selections of one player at once, beside events, and under lost connections."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from shared.domain.events import Event
from shared.domain.instant import DAY
from shared.operations.goals.select_goals import Selected, select_goals
from shared.operations.goals.view_player import view_player
from shared.postgres.database import Database
from tests.support.databases import connected, opened, soon
from tests.support.flushing import flush
from tests.support.goals import CHALLENGE_ID, catalogue_of, goal
from tests.support.proxy import TcpProxy, proxy_to
from tests.support.strategies import FIRST_DAY, KILLS

NOW = FIRST_DAY * DAY
GOALS = [goal(f"goal {number}", target=2, default_assigned=False) for number in range(6)]
CATALOGUE = catalogue_of(*GOALS)
CHALLENGE = CATALOGUE.challenge_by_id[CHALLENGE_ID]


def select(database: Database, *numbers: int, user_id: str = "player", **request: Any) -> Selected:
    """Select goals by their numbers."""
    arguments = {"replace": False, "request_id": None, "now": NOW, "deadline": soon(), **request}
    goal_ids = [GOALS[number].id for number in numbers]
    return select_goals(database, CATALOGUE, user_id, CHALLENGE, goal_ids, **arguments).result


def active(database: Database, user_id: str = "player") -> list[int]:
    """Return the numbers of the active goals."""
    chosen = view_player(database, user_id, soon()).assignments
    return [number for number, each in enumerate(GOALS) if each.id in chosen and chosen[each.id].active]


def test_the_last_of_selections_at_once_that_replace_each_other_holds(database: Database) -> None:
    chosen = [(number, (number + 1) % 6, (number + 3) % 6) for number in range(6)] * 4
    with ThreadPoolExecutor(8) as callers:
        list(callers.map(lambda numbers: select(database, *numbers, replace=True), chosen))
    assert tuple(active(database)) in {tuple(sorted(numbers)) for numbers in chosen}


def test_one_of_several_calls_at_once_under_one_request_id_selects(database: Database) -> None:
    with ThreadPoolExecutor(8) as callers:
        selected = list(callers.map(lambda _: select(database, 1, 2, replace=True, request_id="one"), range(16)))
    assert set(selected) == {Selected(("goal 1", "goal 2"))}


def test_selection_concurrent_with_the_deciding_event_completes_the_goals(database: Database) -> None:
    for number in range(20):
        user_id = f"player {number}"
        flush(database, CATALOGUE, [Event("first", user_id, NOW, KILLS, delta=1)], soon())
        last = Event("last", user_id, NOW, KILLS, delta=1)
        with ThreadPoolExecutor(2) as callers:
            selecting = callers.submit(select, database, 0, 1, 2, user_id=user_id)
            flushing = callers.submit(flush, database, CATALOGUE, [last], soon())
        assert (selecting.exception(), flushing.exception()) == (None, None)
        assert len(view_player(database, user_id, soon()).completions) == 3


def test_replacing_concurrent_with_the_deciding_event_hides_no_completed_goal(database: Database) -> None:
    for number in range(20):
        user_id = f"player {number}"
        select(database, 0, user_id=user_id)
        flush(database, CATALOGUE, [Event("first", user_id, NOW, KILLS, delta=1)], soon())
        last = Event("last", user_id, NOW, KILLS, delta=1)
        with ThreadPoolExecutor(2) as callers:
            replacing = callers.submit(select, database, 1, user_id=user_id, replace=True)
            flushing = callers.submit(flush, database, CATALOGUE, [last], soon())
        assert (replacing.exception(), flushing.exception()) == (None, None)
        completed = "goal 0" in view_player(database, user_id, soon()).completions
        assert active(database, user_id) == ([0, 1] if completed else [1])
        assert replacing.result() == Selected(("goal 1",), () if completed else ("goal 0",))


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
def test_a_call_says_what_it_switched_although_replies_are_lost(
    database_url: str, drop: Callable[[TcpProxy], None], request_id: str | None
) -> None:
    with proxy_to(database_url) as (proxy, url), opened(url, pool_size=1) as database:
        select(database, 0, 1)
        drop(proxy)
        assert select(database, 1, 2, replace=True, request_id=request_id) == Selected(("goal 2",), ("goal 0",))
        assert proxy.dropped == 1
        again = select(database, 1, 2, replace=True, request_id=request_id)
        assert again == (Selected(("goal 2",), ("goal 0",)) if request_id else Selected())
    with connected(database_url) as connection:
        rows = connection.execute("SELECT goal_id FROM assignment WHERE active ORDER BY goal_id").fetchall()
    assert rows == [("goal 1",), ("goal 2",)]


def test_another_selection_meanwhile_does_not_hide_a_commit(database_url: str) -> None:
    with (
        proxy_to(database_url) as (proxy, url),
        opened(url, pool_size=1) as database,
        opened(database_url, pool_size=1) as other,
    ):
        select(database, 0, 1)

        def select_another(_: bytes) -> bool:
            select(other, 3, 4)
            return True

        proxy.drop_reply(after=lambda chunk: b"commit\0" in chunk, reply=select_another)
        assert select(database, 1, 2, replace=True) == Selected(("goal 2",), ("goal 0",))
        assert proxy.dropped == 1
        assert active(other) == [1, 2, 3, 4]
