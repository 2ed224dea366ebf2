"""Random selection draws once, whatever becomes of connections and replies."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from shared.domain.instant import DAY
from shared.domain.random_selection import Wish
from shared.operations.goals.select_random_goals import RandomlySelected, select_random_goals
from shared.operations.goals.view_player import view_player
from shared.postgres.database import Database
from tests.support.databases import opened, soon
from tests.support.goals import CHALLENGE_ID, catalogue_of, goal
from tests.support.proxy import proxy_to
from tests.support.strategies import FIRST_DAY

NOW = FIRST_DAY * DAY
CATALOGUE = catalogue_of(*(goal(f"goal {number:02}", default_assigned=False) for number in range(40)))
CHALLENGE = CATALOGUE.challenge_by_id[CHALLENGE_ID]


def select(database: Database, count: int, **request: Any) -> RandomlySelected:
    """Select goals at random, only inactive ones."""
    arguments = {"replace": False, "request_id": None, "now": NOW, "deadline": soon(), **request}
    wish = Wish(count, exclude_active=True)
    return select_random_goals(database, CATALOGUE, "player", CHALLENGE, wish, **arguments).result


def active(database: Database) -> set[str]:
    """Return the ids of the active goals."""
    return {goal_id for goal_id, each in view_player(database, "player", soon()).assignments.items() if each.active}


def test_calls_at_once_draw_different_goals(database: Database) -> None:
    with ThreadPoolExecutor(8) as callers:
        drawn = list(callers.map(lambda _: select(database, 4), range(10)))
    assert sorted(goal_id for each in drawn for goal_id in each.activated) == sorted(CATALOGUE.goals)


def test_one_of_several_calls_at_once_under_one_request_id_draws(database: Database) -> None:
    with ThreadPoolExecutor(8) as callers:
        drawn = list(callers.map(lambda _: select(database, 4, request_id="one"), range(16)))
    assert all(each == drawn[0] for each in drawn)
    assert active(database) == set(drawn[0].selected)


@pytest.mark.parametrize("request_id", ["one", None], ids=["request id", "no request id"])
@pytest.mark.parametrize("statement", [b"commit\0", b"lock_selection\0", b"read_player\0"])
def test_a_call_draws_once_although_replies_are_lost(
    database_url: str, statement: bytes, request_id: str | None
) -> None:
    with proxy_to(database_url) as (proxy, url), opened(url, pool_size=1) as database:
        before = select(database, 4)
        proxy.drop_reply(after=lambda chunk: statement in chunk)
        drawn = select(database, 5, replace=True, request_id=request_id)
        assert proxy.dropped == 1
        assert (set(drawn.deactivated), drawn.pool_size) == (set(before.selected), 36)
        assert active(database) == set(drawn.selected) == set(drawn.activated)
        if request_id is not None:
            assert select(database, 5, replace=True, request_id=request_id) == drawn
