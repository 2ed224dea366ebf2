"""Grants and completions that are stored twice are reported, and the documented way to end that ends it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from admin.rewards import show_grant_report
from shared.domain.claims import grant_id
from shared.domain.events import CompletionKey, Event
from shared.domain.instant import DAY, LIFETIME_START
from shared.operations.rewards import grant_admin
from shared.operations.statistics.recalculate import recalculate
from shared.operations.statistics.standing_changes import StandingChanges
from shared.postgres.connection import Connection
from shared.postgres.database import Database
from tests.support.databases import connected, flushed, soon
from tests.support.goals import catalogue_of, goal
from tests.support.grant_moves import grants_by_table, let_grants_move, move_all
from tests.support.packing import completions_by_table, pack_all, settle_all
from tests.support.services import ACTING, rows
from tests.support.strategies import FIRST_DAY, KILLS

NOW = FIRST_DAY * DAY
CATALOGUE = catalogue_of(goal("again", target=1), goal("once", target=1))
PLAYERS = ["it's", "other"]
KEY = CompletionKey("it's", "again", LIFETIME_START, 1)
DOCUMENT = Path(__file__).parents[3] / "docs" / "rewards.md"
STORED_AGAIN = (
    "INSERT INTO completion (user_id, goal_id, period_start, occurrence, challenge_id)"
    " VALUES ('it''s', 'again', 'epoch', 1, 'arena')"
)


def repair(database_url: str) -> None:
    (script,) = re.findall(r"```sql\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
    with connected(database_url) as owner:
        owner.run_script(script.replace("'PLAYER'", "'it''s'").encode())


def claim(database: Database, key: CompletionKey) -> None:
    """Claim as `ClaimAll` does once it has read the player."""

    def store(connection: Connection) -> None:
        changes = StandingChanges(CATALOGUE, NOW)
        assert changes.claim(connection, (key,)).keys() == {key}
        changes.store(connection)

    database.transact(store, soon())
    settle_all(database, key.user_id)


@pytest.mark.parametrize("moved", [False, True], ids=["in the outbox", "in the history"])
def test_damage_is_reported_and_the_documented_statements_end_it(
    database: Database, database_url: str, moved: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    let_grants_move(database_url)
    for player in PLAYERS:
        flushed(database, CATALOGUE, [Event("1", player, NOW, KILLS, delta=1)])
        for goal_id in ("again", "once"):
            claim(database, KEY._replace(user_id=player, goal_id=goal_id))
    assert move_all(database, NOW + DAY) == 4
    assert pack_all(database, CATALOGUE, PLAYERS, NOW) == 4
    assert grant_admin.report(database, soon()).agrees
    with connected(database_url) as owner:
        owner.execute(STORED_AGAIN.encode())
    assert grant_admin.report(database, soon()).completed_twice == [KEY]
    claim(database, KEY)
    if moved:
        assert move_all(database, NOW + DAY) == 1

    report = grant_admin.report(database, soon())
    assert [str(each) for each in report.granted_twice] == [grant_id(KEY, 1)]
    assert report.completed_twice == [KEY]
    assert not report.agrees
    show_grant_report(report)
    shown = capsys.readouterr().out
    assert f"stored twice: {grant_id(KEY, 1)}" in shown
    assert "completed twice: again of it's" in shown

    repair(database_url)
    assert completions_by_table(database_url) == (0, 4)
    assert grants_by_table(database_url) == (0, 4)
    recalculate(database, CATALOGUE, PLAYERS, soon(), ACTING)
    assert grant_admin.report(database, soon()).agrees
    assert recalculate(database, CATALOGUE, PLAYERS, soon()) == []
    assert rows(database_url, "SELECT DISTINCT claimed FROM standing WHERE schedule = 'lifetime'") == [(2,)]
