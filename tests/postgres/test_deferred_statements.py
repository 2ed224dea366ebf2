"""Statements that wait for the next one, when no next one comes."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from shared.domain.errors import DatabaseUnavailable
from shared.postgres.connection import Connection
from shared.postgres.database import Database
from shared.postgres.goals import players
from shared.postgres.statements import Statement, statement
from tests.support.databases import opened, soon

INSERT = statement("insert_player")
UNPREPARABLE = Statement("of_a_table_that_is_missing", "SELECT * FROM missing_table WHERE user_id = $1")


class Mistake(Exception):
    """A fault of the work itself."""


def fail_to_prepare(connection: Connection) -> None:
    UNPREPARABLE.rows(connection, "player")


def fail_to_encode(connection: Connection) -> None:
    INSERT.rows(connection, "a lone surrogate \ud800")


def fail_before(_: Connection) -> None:
    raise Mistake


def go_on(_: Connection) -> None:
    """End the work without a further statement."""


@pytest.mark.parametrize("end", [fail_to_prepare, fail_to_encode, fail_before, go_on])
def test_statements_that_waited_do_not_travel_with_the_next_call(
    database_url: str, end: Callable[[Connection], None]
) -> None:
    def work(connection: Connection) -> None:
        INSERT.precede(connection, "player", "UTC", 0, "{}", "{}", "{}")
        end(connection)

    def is_known(database: Database) -> bool:
        return database.autocommit(lambda connection: players.read(connection, "player"), soon()).zone_names is not None

    with opened(database_url, pool_size=1) as database:
        try:
            database.autocommit(work, soon())
        except (DatabaseUnavailable, Mistake, UnicodeEncodeError):
            assert end is not go_on
        assert not is_known(database)
        assert not is_known(database)
