"""An export is of one instant, and rests between its pages."""

from __future__ import annotations

import json
import time

import pytest

from shared.operations.operators.export_player import export_player
from shared.operations.operators.resting import REST_MAX_S
from shared.postgres.database import Database
from shared.postgres.operators import player_data
from tests.support.databases import connected, soon

COMPLETE = (
    "INSERT INTO completion (user_id, goal_id, period_start, occurrence, challenge_id)"
    " SELECT 'ana', $1 || n, 'epoch', 1, 'arena' FROM generate_series(1, 450) AS n"
)


def test_an_export_is_of_one_instant_and_rests_between_its_pages(
    database: Database, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with connected(database_url) as connection:
        connection.execute(COMPLETE, ["early "])
        stored = player_data.read_rows(connection, "ana")
        rests: list[float] = []

        def complete_more(rest_s: float) -> None:
            rests.append(rest_s)
            if len(rests) == 1:
                connection.execute(COMPLETE, ["late "])

        with monkeypatch.context() as patched:
            patched.setattr(time, "sleep", complete_more)
            head, *lines = map(json.loads, export_player(database, "ana", soon()))
    assert head["user_id"] == "ana"
    assert [line["goal_id"] for line in lines] == [json.loads(row.content)["goal_id"] for row in stored]
    assert len(lines) == 450
    assert len(rests) == 9, "after each 50 rows"
    assert all(0 < rest_s <= REST_MAX_S for rest_s in rests)


def test_an_unknown_player_has_no_export(database: Database) -> None:
    assert export_player(database, "unknown", soon()) == []
