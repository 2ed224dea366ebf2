"""A completion that a call stores and an import brings claimed is stored once, wherever packing comes between them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial

import pytest

from shared.domain.current_periods import current_periods
from shared.domain.errors import AlreadyClaimed
from shared.domain.events import Event
from shared.domain.grants import Granting
from shared.domain.instant import DAY
from shared.operations.goals.keep_completions import keep_completions
from shared.operations.goals.view_player import view_player
from shared.operations.rewards.claim import claim_reward
from shared.operations.rewards.claim_all import claim_all
from shared.postgres.connection import Connection
from shared.postgres.database import Database
from shared.postgres.goals.settled_completions import PlayerBusy
from shared.postgres.operators import player_import
from tests.support.databases import connected, flushed, opened, soon
from tests.support.goals import catalogue_of, goal
from tests.support.packing import completions_by_table, pack_all
from tests.support.services import rows
from tests.support.strategies import FIRST_DAY, KILLS
from tests.support.waiting import wait_until

# Distributed tables have no triggers, by which calls are held up.
pytestmark = pytest.mark.one_server

NOW = FIRST_DAY * DAY
HARD = catalogue_of(goal("goal", target=5))
EASY = catalogue_of(replace(HARD.goals["goal"], target=1))
LINE = {
    "user_id": "player",
    "goal_id": "goal",
    "period_start": "1970-01-01T00:00:00Z",
    "occurrence": 1,
    "complete_time": "2020-01-01T00:00:00Z",
    "claim_time": "2020-01-01T00:00:00Z",
    "claim_number": 1,
    "challenge_id": HARD.goals["goal"].challenge_id,
    "tags": [],
    "points": 0,
}
HELD_UP = """
CREATE FUNCTION hold_up() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock_shared(7);
    RETURN NEW;
END
$$;
CREATE TRIGGER hold_up BEFORE INSERT ON completion FOR EACH ROW
WHEN (NEW.claim_time IS NULL) EXECUTE FUNCTION hold_up();
"""
WAITING = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 7 AND classid = 0 AND NOT granted"
STORED = "SELECT user_id, goal_id, period_start, occurrence, claim_time IS NOT NULL FROM every_completion"


def claim(database: Database) -> None:
    claim_reward(database, EASY, "player", EASY.goals["goal"], None, NOW, soon())


def claim_everything(database: Database) -> None:
    claim_all(database, EASY, "player", EASY.goals.values(), NOW, soon())


def log_in(database: Database) -> None:
    view = view_player(database, "player", soon())
    keep_completions(database, EASY, "player", view, current_periods(EASY, NOW), NOW, soon(), Granting(NOW))


def bring(database: Database) -> None:
    def store(connection: Connection) -> int:
        tables = player_import.tables_of_players(connection)
        return player_import.store(connection, tables, {"completion": [LINE]}, ["player"])

    database.transact(store, soon())


def pack(database: Database) -> None:
    with suppress(PlayerBusy):
        pack_all(database, EASY, ["player"], NOW)


@contextmanager
def closed_gate(url: str) -> Iterator[None]:
    """Hold up whatever stores an unclaimed completion, after its statement has begun."""
    with connected(url) as gate:
        gate.execute("SELECT pg_advisory_lock(7)")
        yield


@pytest.mark.parametrize("call", [claim, claim_everything, log_in])
@pytest.mark.parametrize("meanwhile", [(bring, pack), (bring,), (pack,)])
@pytest.mark.parametrize("first", [(), (bring,), (bring, pack)])
def test_a_completion_is_stored_once(
    database_url: str,
    call: Callable[[Database], None],
    meanwhile: tuple[Callable[[Database], None], ...],
    first: tuple[Callable[[Database], None], ...],
) -> None:
    with connected(database_url) as owner:
        owner.run_script(HELD_UP.encode())
    with opened(database_url) as database, ThreadPoolExecutor(1) as caller:
        flushed(database, HARD, [Event("1", "player", NOW, KILLS, delta=1)])
        for step in first:
            step(database)
        with closed_gate(database_url):
            calling = caller.submit(partial(call, database))
            wait_until(lambda: calling.done() or rows(database_url, WAITING) == [(1,)])
            for step in meanwhile:
                step(database)
        with suppress(AlreadyClaimed):
            calling.result()
        pack(database)
        assert [found[:2] for found in rows(database_url, STORED)] == [("player", "goal")]
        assert sum(completions_by_table(database_url)) == 1
