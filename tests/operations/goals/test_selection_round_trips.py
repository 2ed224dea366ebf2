"""The number of round trips of calls that change a selection."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from shared.domain.events import Event
from shared.domain.instant import DAY, HOUR
from shared.domain.random_selection import Wish
from shared.operations.catalogue.pool_record import with_pools
from shared.operations.goals.reroll import reroll_goal
from shared.operations.goals.select_goals import select_goals
from shared.operations.goals.select_random_goals import select_random_goals
from shared.postgres.database import Database
from tests.catalogue.documents import goal, loaded
from tests.support.databases import flushed, opened, soon
from tests.support.pool_catalogue import POOL, pool_catalogue
from tests.support.proxy import proxy_to
from tests.support.round_trips import RoundTrips
from tests.support.sample_catalogue import challenge
from tests.support.strategies import FIRST_DAY

NOW = FIRST_DAY * DAY
GOALS = [f"goal {number}" for number in range(9)]
CATALOGUE = loaded({"challenges": [challenge("choice", *(goal(goal_id) for goal_id in GOALS))]})
LIMITED = loaded(
    {"challenges": [challenge("choice", *map(goal, GOALS)) | {"max_active": 4, "cooldown": {"hours": 2}}]},
)


def counted(url: str, calls: Callable[[Database], list[Callable[[], object]]]) -> list[int]:
    """Return the number of round trips of each call; they are made once before, which prepares all statements."""
    with proxy_to(url) as (proxy, through_proxy), opened(through_proxy, pool_size=1) as database:
        for call in calls(database):
            call()
        round_trips = RoundTrips()
        proxy.drop_reply(after=round_trips)
        found = []
        for call in calls(database):
            before = round_trips.count
            call()
            found.append(round_trips.count - before)
        return found


def test_a_selection_takes_three_round_trips(database_url: str) -> None:
    made = 0

    def calls(database: Database) -> list[Callable[[], object]]:
        nonlocal made
        made += 1
        now, arena = NOW + made * DAY, CATALOGUE.challenge_by_id["choice"]
        limited = LIMITED.challenge_by_id["choice"]
        wish, first = Wish(3, exclude_active=True), GOALS[made : made + 2]
        request, player = f"request {made}", f"player {made}"

        def select(*goal_ids: str, call: str | None = None) -> object:
            return select_goals(database, CATALOGUE, player, arena, goal_ids, True, call, now, soon())

        return [
            # Selection and player; tallies and goals; choices, selection, player and COMMIT.
            lambda: select(*first, call=request),
            lambda: select(GOALS[7]),
            lambda: select_random_goals(database, CATALOGUE, player, arena, wish, True, None, now, soon()),
            lambda: select_goals(database, LIMITED, "other", limited, first, True, request, now + HOUR, soon()),
            # The same selection and player; ROLLBACK; player.
            lambda: select(*first, call=request),
        ]

    assert counted(database_url, calls) == [3, 3, 3, 3, 3]


def test_a_reroll_takes_three_round_trips(database_url: str) -> None:
    made = 0

    def calls(database: Database) -> list[Callable[[], object]]:
        nonlocal made
        made += 1
        player = f"player {made}"
        catalogue = with_pools(database, pool_catalogue(rerolls=1), NOW, soon())
        assert catalogue.pools is not None
        pool = catalogue.pools.by_challenge[POOL]
        drawn = catalogue.goals[catalogue.pools.selection(pool, player, NOW)[0]]
        return [
            lambda: reroll_goal(
                database, catalogue, player, catalogue.challenge_by_id[POOL], drawn, "request", NOW, soon()
            )
        ]

    # Selection; tallies and goals; selection, player and COMMIT.
    assert counted(database_url, calls) == [3]


@pytest.mark.one_server
def test_a_flush_reads_stored_selections_with_the_assignments(database_url: str) -> None:
    made = 0

    def calls(database: Database) -> list[Callable[[], object]]:
        nonlocal made
        made += 1
        player = f"player {made}"
        catalogue = with_pools(database, pool_catalogue(rerolls=1), NOW, soon())
        assert catalogue.pools is not None
        drawn = catalogue.goals[catalogue.pools.selection(catalogue.pools.by_challenge[POOL], player, NOW)[0]]
        event = Event("completes the goal", player, NOW, drawn.stat, delta=3)
        return [lambda: flushed(database, catalogue, [event])]

    # Ledger and tallies; selections and assignments; completions; standings and COMMIT.
    assert counted(database_url, calls) == [4]
