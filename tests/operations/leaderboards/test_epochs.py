"""Whatever invalidates several leaderboards locks them in one order, so that two of these cannot end each other."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from shared.domain.instant import DAY
from shared.domain.leaderboard import Leaderboard, LeaderboardMeasure
from shared.domain.schedules import LIFETIME
from shared.operations.catalogue.catalogue_record import record_catalogue
from shared.postgres.connection import Connection
from shared.postgres.database import Database
from shared.postgres.statements import statement, text_array
from tests.support.databases import connected, soon
from tests.support.goals import catalogue_of, goal
from tests.support.services import rows
from tests.support.strategies import FIRST_DAY, KILLS
from tests.support.waiting import wait_until

NOW = FIRST_DAY * DAY
BOARDS = tuple(Leaderboard(each, each, "", LeaderboardMeasure.SUM, KILLS, LIFETIME) for each in ("a", "b"))
CATALOGUE = replace(catalogue_of(goal()), leaderboards=BOARDS)
WAITING = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
PARAMETERS: dict[str, tuple[str, ...]] = {
    "raise_epochs_of": (text_array(["b", "a"]),),
    "raise_epochs_but_of": (text_array([]),),
    "raise_every_epoch": (),
    "distrust_boards": (),
    "distrust_boards_of_tally": (KILLS.source.value, KILLS.code, LIFETIME.text),
}


@pytest.mark.one_server
@pytest.mark.parametrize("name", PARAMETERS)
def test_leaderboards_are_locked_by_their_ids(database: Database, database_url: str, name: str) -> None:
    record_catalogue(database, CATALOGUE, NOW, soon())
    before = rows(database_url, "SELECT board_id, epoch FROM leaderboard ORDER BY board_id")

    def invalidate(connection: Connection) -> None:
        statement(name).rows(connection, *PARAMETERS[name])

    with connected(database_url) as other, ThreadPoolExecutor(1) as thread:
        # In the table it now stands behind the other one.
        other.execute("UPDATE leaderboard SET epoch = epoch WHERE board_id = 'a'")
        other.execute("BEGIN")
        other.execute("SELECT FROM leaderboard WHERE board_id = 'a' FOR UPDATE")
        invalidating = thread.submit(database.transact, invalidate, soon())
        wait_until(lambda: invalidating.done() or rows(database_url, WAITING) == [(1,)])
        other.execute("SELECT FROM leaderboard WHERE board_id = 'b' FOR UPDATE NOWAIT")
        other.execute("UPDATE leaderboard SET epoch = epoch + 1")
        other.execute("COMMIT")
        invalidating.result()
    after = rows(database_url, "SELECT board_id, epoch FROM leaderboard ORDER BY board_id")
    assert after == [(board_id, epoch + 2) for board_id, epoch in before]
