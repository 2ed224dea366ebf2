"""Choices of players are read alike on one node and on a cluster."""

from __future__ import annotations

from shared.domain.progress import Assignment
from shared.postgres.connection import Connection
from shared.postgres.goals import assignments
from shared.postgres.goals.assignments import Choice
from tests.support.databases import connected
from tests.support.services import NOW

PLAYERS = [f"player {number}" for number in range(6)]
PAIRS = [(player, goal_id) for player in PLAYERS for goal_id in ("one", "two", "three")]


def store_choices(connection: Connection) -> None:
    """Initialize some of the players, and let some choose."""
    for number, player in enumerate(PLAYERS):
        if number % 2:
            connection.execute(
                "INSERT INTO player (user_id, time_zone, initialize_time) VALUES ($1, 'UTC', instant($2))",
                (player, NOW),
            )
        with connection.transaction():
            chosen = {"one": Assignment(True, NOW, 0, None, 5), "two": Assignment(False, None, number, NOW, None)}
            assignments.store_all(connection, player, chosen if number % 3 else {}, NOW)
            connection.execute_deferred()


def read(connection: Connection, *, on_citus: bool) -> dict[tuple[str, str], Choice]:
    connection.on_citus = on_citus
    return assignments.read_choices(connection, PAIRS)


def test_both_ways_to_read_choices_return_the_same(citus_url: str) -> None:
    with connected(citus_url) as connection:
        store_choices(connection)
        found = read(connection, on_citus=True)
        assert found == read(connection, on_citus=False)
    assert set(found) == set(PAIRS)
    assert {choice.assignment is None for choice in found.values()} == {True, False}
    assert {choice.initialize_time for choice in found.values()} == {None, NOW}


def test_a_node_alone_reads_them_by_the_same_statements(database_url: str) -> None:
    with connected(database_url) as connection:
        store_choices(connection)
        assert read(connection, on_citus=True) == read(connection, on_citus=False)
