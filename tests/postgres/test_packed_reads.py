"""Statements about completions that are not packed unpack hardly any of the player's others."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest

from shared.domain.events import CompletionKey
from shared.domain.instant import DAY
from shared.domain.standings import CompletionRecord
from shared.postgres.connection import Connection
from shared.postgres.goals import completions, settled_completions
from shared.postgres.statements import int_array, statements, text_array
from tests.support.databases import connected
from tests.support.postgres_server import PostgresServer

pytestmark = pytest.mark.one_server
"""Nodes plan for themselves, and each time."""

PLAYERS = [f"player {number}" for number in range(30)]
MONTHS = 6
GOALS = 5
JANUARY = 19_723 * DAY
"""2024-01-01T00:00:00Z, the first of the months."""
FILL = """
INSERT INTO settled_completion
SELECT
    player, to_start, from_start, goal_ids, starts, NULL, starts, starts, numbers, array_fill('arena'::text, size),
    array_fill('{{pvp}}'::text, size), array_fill(5::bigint, size), starts, NULL
FROM unnest(ARRAY{players}) AS player,
generate_series(0, {months} - 1) AS month,
LATERAL (SELECT timestamptz '2024-01-01T00:00:00Z' + month * interval '1 month' AS from_start) AS begun,
LATERAL (SELECT from_start + interval '1 month' - interval '1 microsecond' AS to_start) AS ended,
LATERAL (
    SELECT array_agg('goal ' || goal) AS goal_ids, array_agg(microseconds(from_start) + day * {day}) AS starts,
        array_agg(1) AS numbers, ARRAY[count(*)::integer] AS size
    FROM generate_series(1, {goals}) AS goal, generate_series(0, 27) AS day
) AS packed
"""
OF_MONTH = 28 * GOALS


@pytest.fixture(scope="module")
def packed(postgres_server: PostgresServer) -> Iterator[Connection]:
    """Yield a connection to a database where every player has packed completions of each day of six months."""
    with postgres_server.fresh_database() as url, connected(url) as connection:
        connection.execute(
            FILL.format(players=PLAYERS, months=MONTHS, goals=GOALS, day=DAY).encode(),
        )
        connection.execute("ANALYZE")
        yield connection


def unpacked_by(connection: Connection, name: str, *parameters: str) -> int:
    """Execute a statement, roll it back, and return the number of completions that it unpacked."""
    connection.execute("BEGIN")
    rows = connection.execute(b"EXPLAIN (ANALYZE, FORMAT JSON) " + statements()[name].text, parameters).fetchall()
    connection.execute("ROLLBACK")
    # Elsewhere, arrays of parameters become rows.
    of_packed = [
        node
        for node in nodes_of(rows[0][0])
        if (node["Node Type"] == "ProjectSet" and node["Plans"][0]["Node Type"] != "Result")
        or (node["Node Type"] == "Function Scan" and node["Alias"] == "packed")
    ]
    return sum(round(node["Actual Rows"] * node["Actual Loops"]) for node in of_packed)


def nodes_of(plan: Any) -> Iterator[dict[str, Any]]:
    waiting = [(json.loads(plan) if isinstance(plan, str) else plan)[0]["Plan"]]
    while waiting:
        node = waiting.pop()
        yield node
        waiting += node.get("Plans", [])


def columns(keys: list[CompletionKey]) -> tuple[str, str, str, str]:
    users, goals, starts, occurrences = zip(*keys, strict=True)
    return text_array(users), text_array(goals), int_array(starts), int_array(occurrences)


def storing(keys: list[CompletionKey]) -> tuple[str, ...]:
    numbers = int_array([1] * len(keys))
    return (
        *columns(keys),
        numbers,
        text_array(["arena"] * len(keys)),
        text_array(["{}"] * len(keys)),
        numbers,
        numbers,
    )


def test_storing_completions_unpacks_those_of_the_goal_alone(packed: Connection) -> None:
    fresh = [CompletionKey(player, "another goal", JANUARY + 3 * DAY, 1) for player in PLAYERS]
    assert unpacked_by(packed, "insert_completions", *storing(fresh)) == 0
    again = [*fresh[1:], CompletionKey(PLAYERS[0], "goal 1", JANUARY + 3 * DAY, 1)]
    assert unpacked_by(packed, "insert_completions", *storing(again)) == OF_MONTH
    records = {key: CompletionRecord(1, "arena") for key in again}
    packed.execute("BEGIN")
    assert completions.insert_missing(packed, records) == set(fresh[1:])
    packed.execute("ROLLBACK")


def test_a_completion_is_stored_alone_as_among_others(packed: Connection) -> None:
    start = JANUARY + 3 * DAY
    keys = [
        CompletionKey(PLAYERS[0], goal_id, start + days * DAY, occurrence)
        for goal_id in ("goal 1", "another goal")
        for days in (0, 27)
        for occurrence in (1, 2)
    ]
    record = CompletionRecord(1, "arena", ("tag",), 5, 1)
    packed.execute("BEGIN")
    among_others = completions.insert_missing(packed, dict.fromkeys(keys, record))
    rows = packed.execute("SELECT * FROM completion WHERE user_id = $1 ORDER BY 1, 2, 3, 4", [PLAYERS[0]]).fetchall()
    packed.execute("ROLLBACK")
    packed.execute("BEGIN")
    alone = set().union(*(completions.insert_missing(packed, {key: record}) for key in keys))
    again = set().union(*(completions.insert_missing(packed, {key: record}) for key in keys))
    same = packed.execute("SELECT * FROM completion WHERE user_id = $1 ORDER BY 1, 2, 3, 4", [PLAYERS[0]]).fetchall()
    packed.execute("ROLLBACK")
    assert alone == among_others == set(keys) - {CompletionKey(PLAYERS[0], "goal 1", start, 1)}
    assert again == set()
    assert same == rows


def test_deliveries_of_completions_that_are_not_packed_unpack_nothing(packed: Connection) -> None:
    keys = [CompletionKey(player, "goal 1", JANUARY + 40 * DAY, 2) for player in PLAYERS]
    delivered = [str(uuid4()) for _ in keys]
    packed.execute("BEGIN")
    records = {key: CompletionRecord(1, "arena") for key in keys}
    completions.insert_missing(packed, records)
    packed.execute("COMMIT")
    assert unpacked_by(packed, "read_challenges_of_grants", *columns(keys), text_array(delivered)) == 0
    retried = CompletionKey(PLAYERS[0], "goal 2", JANUARY, 1)
    of_retried = *columns([*keys, retried]), text_array([*delivered, str(uuid4())])
    assert unpacked_by(packed, "read_challenges_of_grants", *of_retried) == OF_MONTH
    found = statements()["read_challenges_of_grants"].rows(packed, *of_retried)
    assert len(found) == len(keys) + 1
    assert {challenge_id for _, challenge_id in found} == {"arena"}


@pytest.mark.parametrize("name", ["read_completions_of_periods", "read_completions_of_goals"])
def test_a_month_is_unpacked_once_however_many_of_its_periods_are_read(packed: Connection, name: str) -> None:
    starts = int_array([JANUARY + day * DAY for day in range(45)])
    of_goals = [text_array(["goal 3"])] if name.endswith("goals") else []
    assert unpacked_by(packed, name, PLAYERS[0], starts, *of_goals) == 2 * OF_MONTH


def test_plans_are_made_again_while_the_table_grows(database_url: str) -> None:
    with connected(database_url) as connection:
        # As after `VACUUM` of a database in which nothing is packed yet.
        connection.execute("VACUUM (ANALYZE) settled_completion")
        connection.execute(
            "PREPARE of_player AS SELECT FROM settled_completion WHERE user_id = $1 AND to_start = timestamptz 'epoch'"
        )
        plan = b"EXPLAIN EXECUTE of_player('player 1')"
        assert "Seq Scan" in str(connection.execute(plan).fetchall())
        assert settled_completions.analyze_grown(connection) is False
        connection.execute(FILL.format(players=PLAYERS, months=MONTHS, goals=GOALS, day=DAY).encode())
        with connected(database_url) as other:
            other.execute("BEGIN")
            other.execute("LOCK TABLE settled_completion IN SHARE UPDATE EXCLUSIVE MODE")
            settled_completions.analyze_grown(connection)
            other.execute("ROLLBACK")
        assert "Seq Scan" in str(connection.execute(plan).fetchall()), "a VACUUM is not waited for"
        assert settled_completions.analyze_grown(connection) is True
        assert "settled_completion_pkey" in str(connection.execute(plan).fetchall())
        assert settled_completions.analyze_grown(connection) is False
