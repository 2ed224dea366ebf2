"""Requests that change a selection when the outcome of COMMIT is not known."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from shared.domain.current_periods import NO_PERIODS
from shared.domain.instant import DAY
from shared.operations.goals.selection_requests import SelectionChange, SelectionRequest, change_selection
from shared.postgres.connection import Connection
from shared.postgres.database import Database
from shared.postgres.goals.selections import SelectionKey
from tests.support.databases import connected, opened, soon
from tests.support.strategies import FIRST_DAY

NOW = FIRST_DAY * DAY
TERMINATION_MS = 5_000


class Drawn(NamedTuple):
    """A result."""

    name: str


def draw(
    database: Database, result: str, request_id: str, interrupt: Callable[[Connection], None] = lambda _: None
) -> str:
    """Draw once under the request id, with this result if nothing is stored; run `interrupt` before COMMIT."""

    def change(connection: Connection, *_: object) -> SelectionChange[Drawn]:
        interrupt(connection)
        return SelectionChange(Drawn(result), is_change=True)

    key, request = SelectionKey("player", "arena"), SelectionRequest("Draw", (), request_id)
    return change_selection(
        database, key, request, lambda _: None, change, lambda stored: Drawn(stored["name"]), NO_PERIODS, NOW, soon()
    ).result.name


def test_a_call_whose_commit_fails_returns_what_another_one_stored_under_its_request_id(database_url: str) -> None:
    with (
        opened(database_url, pool_size=1) as database,
        opened(database_url, pool_size=1) as other,
        connected(database_url) as operator,
    ):
        draw(database, "prepares all statements", "before")
        overtaken = False

        def be_overtaken(connection: Connection) -> None:
            nonlocal overtaken
            if not overtaken:
                overtaken = True
                parameters = (connection.info.backend_pid, TERMINATION_MS)
                operator.execute("SELECT pg_terminate_backend($1::int, $2::bigint)", parameters)
                assert draw(other, "first", "one") == "first"

        assert draw(database, "second", "one", be_overtaken) == "first"
        assert overtaken
