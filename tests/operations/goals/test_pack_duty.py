"""The duty that packs completions, and what else deletes or brings rows of players."""

from __future__ import annotations

import json

import pytest

from shared.domain.instant import DAY
from shared.operations import player_sweep
from shared.operations.goals import pack_completions
from shared.operations.goals.pack_completions import CompletionPacking
from shared.operations.rewards.claim import claim_reward
from shared.postgres import schema
from shared.postgres.connection import Connection
from shared.postgres.database import Database
from shared.postgres.migrations import migration_files
from shared.postgres.operators import player_data, player_import
from shared.postgres.operators.player_data import ErasedPlayer
from tests.support.completion_retention import CATALOGUE, LATER, NOW, completed, play, retention
from tests.support.databases import soon
from tests.support.packing import completions_by_table, pack_all, settle_all
from tests.support.services import ACTING, rows

PLAYERS = [f"player {number}" for number in range(12)]
MIGRATION = "0048-settled-completions"
AGE = 30 * DAY


@pytest.fixture(autouse=True)
def claimed(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let players claim what they complete on three days: three daily goals, a weekly one, and one of the lifetime."""
    monkeypatch.setattr(pack_completions, "RANGE_COMPLETIONS", 7)
    monkeypatch.setattr(pack_completions, "FEWEST", 5)
    monkeypatch.setattr(pack_completions, "FEWEST_IN_ROW", 1)
    play(database, tuple(PLAYERS))
    for player in PLAYERS:
        for goal_id, days in {"daily": (0, 1, 2), "weekly": (0,), "ever": (0,)}.items():
            for day in days:
                goal = CATALOGUE.goals[goal_id]
                start = NOW + day * DAY if goal_id == "daily" else None
                claim_reward(database, CATALOGUE, player, goal, None, NOW + 2 * DAY, soon(), period_start=start)


def duty(database: Database, now: int, age: int = AGE) -> tuple[CompletionPacking, list[int]]:
    packed: list[int] = []
    return CompletionPacking(database, age, "a test", lambda: now, on_packed=packed.append), packed


def test_a_pass_packs_what_is_old_enough_of_all_players(database: Database, database_url: str) -> None:
    settle_all(database, "player")
    before = completions_by_table(database_url)[0]
    early, packed = duty(database, NOW + 31 * DAY)
    early.one_pass(CATALOGUE)
    assert (packed, completions_by_table(database_url)) == ([], (before, 0)), "claimed two days after the first day"
    packing, packed = duty(database, NOW + 60 * DAY)
    packing.one_pass(CATALOGUE)
    assert sum(packed) == completions_by_table(database_url)[1] == before - completions_by_table(database_url)[0]
    assert len(packed) == len(PLAYERS)
    seen = packing.sweep.seen
    assert seen is not None
    assert (seen.last_visited, seen.bookmark) == (len(PLAYERS), None)
    # The next one looks tomorrow.
    packing.one_pass(CATALOGUE)
    assert len(packed) == len(PLAYERS)


@pytest.mark.one_server
def test_statements_are_planned_for_what_a_pass_has_packed(database: Database, database_url: str) -> None:
    settle_all(database, "player")
    packing, packed = duty(database, NOW + 60 * DAY)
    packing.one_pass(CATALOGUE)
    assert packed
    pages = "SELECT relpages > 0 FROM pg_class WHERE oid = 'settled_completion'::regclass"
    assert rows(database_url, pages) == [(True,)]


def test_a_pass_that_was_stopped_goes_on_where_it_was(database: Database) -> None:
    settle_all(database, "player")
    first: list[int] = []
    stopped = CompletionPacking(
        database, AGE, "first", lambda: NOW + 60 * DAY, lambda _: len(first) >= 4, on_packed=first.append
    )
    stopped.one_pass(CATALOGUE)
    assert 0 < len(first) < len(PLAYERS)
    # Once the process that began is taken for gone.
    other, further = duty(database, NOW + 60 * DAY + pack_completions.PASS_INTERVAL)
    other.one_pass(CATALOGUE)
    assert len(first) + len(further) == len(PLAYERS)


def test_processes_with_different_settings_do_not_begin_each_others_sweep_again(
    database: Database, database_url: str
) -> None:
    settle_all(database, "player")
    now = NOW + 10 * DAY
    # Each is stopped after a step, and takes the other one for gone. What is not old enough stays in its way.
    both = {age: CompletionPacking(database, age * DAY, str(age), lambda: now, lambda _: True) for age in (30, 45)}

    def complete(packing: CompletionPacking) -> bool:
        return packing.sweep.seen is not None and packing.sweep.seen.complete_time is not None

    for _ in range(3 * len(PLAYERS)):
        for packing in both.values():
            packing.one_pass(CATALOGUE)
            now += 2 * player_sweep.OWNED_FOR
    assert all(map(complete, both.values()))
    now = NOW + 40 * DAY
    duty(database, now, 45 * DAY)[0].one_pass(CATALOGUE)
    assert completions_by_table(database_url)[1] == 0
    duty(database, now, 30 * DAY)[0].one_pass(CATALOGUE)
    assert completions_by_table(database_url)[1] > 0, "the smaller one decides"


def test_packed_completions_of_old_periods_are_carried_forward(database: Database, database_url: str) -> None:
    settle_all(database, "player")
    assert pack_all(database, CATALOGUE, PLAYERS, LATER) == 5 * len(PLAYERS)
    assert retention(database).one_pass(CATALOGUE, LATER) == 4 * len(PLAYERS)
    assert {goal_id for goal_id, _ in completed(database_url)} == set()
    assert completions_by_table(database_url) == (0, len(PLAYERS)), "those of the lifetime stay packed"


def test_exported_packed_completions_are_imported_again(database: Database, database_url: str) -> None:
    settle_all(database, "player")
    pack_all(database, CATALOGUE, PLAYERS, LATER)
    before = completions_by_table(database_url)

    def read(connection: Connection) -> list[player_data.PlayerRow]:
        return player_data.read_rows(connection, "player 1")

    exported = database.autocommit(read, soon())
    assert {row.table for row in exported} >= {"completion"}
    assert all(row.table != "settled_completion" for row in exported)

    def bring(connection: Connection) -> int:
        contents = [json.loads(row.content) for row in exported if row.table == "completion"]
        return player_import.store(
            connection, player_import.tables_of_players(connection), {"completion": contents}, ["player 1"]
        )

    assert database.transact(bring, soon()) == 0, "all of them are there"
    assert sum(completions_by_table(database_url)) == sum(before)
    assert database.autocommit(read, soon()) == exported


def test_an_erasure_deletes_packed_completions_and_their_place(database: Database, database_url: str) -> None:
    settle_all(database, "player")
    pack_all(database, CATALOGUE, PLAYERS, LATER)
    erased = ErasedPlayer("player 1", "erased-" + "0" * 16, "0" * 64, "0" * 64)
    found = database.transact(lambda connection: player_data.erase(connection, erased, ACTING), soon())
    assert found.rows["completion"] == 5
    assert database.autocommit(lambda connection: player_data.traces(connection, "player 1"), soon()) == {"event_seen"}
    assert completions_by_table(database_url) == (0, 5 * (len(PLAYERS) - 1))


def test_going_back_unpacks_everything(database: Database, database_url: str) -> None:
    settle_all(database, "player")
    before = rows(database_url, "SELECT * FROM completion ORDER BY user_id, goal_id, period_start")
    assert pack_all(database, CATALOGUE, PLAYERS, LATER) == len(before)
    newer = [path.stem for path in migration_files() if path.stem >= MIGRATION]
    schema.roll_back(database_url, len(newer))
    assert rows(database_url, "SELECT * FROM completion ORDER BY user_id, goal_id, period_start") == before
    assert schema.migrate(database_url) == newer
