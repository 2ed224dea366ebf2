"""Every statement on the path of players and events finds its rows through its intended index."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from shared.postgres.connection import Connection
from shared.postgres.statements import statements
from tests.postgres.crowded_tables import fill
from tests.postgres.expected_indexes import (
    ARBITERS,
    OF_PARTITIONS,
    SCANS,
    SCANS_ACROSS_PLAYERS,
    SCANS_BY_THE_VIEW,
    SCANS_OF_THE_COUNT,
    TINY,
)
from tests.support.databases import connected
from tests.support.postgres_server import PostgresServer

KEY_COLUMNS = ("schedule", "period_start", "source", "stat_code", "goal_id")


@pytest.fixture(scope="module", params=["postgres_server", "postgres_16"])
def crowded(request: pytest.FixtureRequest) -> Iterator[Connection]:
    """Yield a connection to a database with many players."""
    server: PostgresServer = request.getfixturevalue(request.param)
    with server.fresh_database() as url, connected(url) as connection:
        fill(connection)
        yield connection


def plan_nodes(connection: Connection, name: str) -> list[dict[str, Any]]:
    """Return every node of the generic plan of a statement."""
    row = connection.execute(b"EXPLAIN (GENERIC_PLAN, FORMAT JSON) " + statements()[name].text).fetchone()
    assert row is not None
    plan = row[0] if isinstance(row[0], list) else json.loads(row[0])
    waiting, nodes = [plan[0]["Plan"]], []
    while waiting:
        node = waiting.pop()
        nodes.append(node)
        waiting += node.get("Plans", [])
    return nodes


def indexes_of(nodes: list[dict[str, Any]]) -> set[str]:
    """Return the indexes that a plan scans."""
    names = {node["Index Name"] for node in nodes if "Index Name" in node}
    return {next((whole for part, whole in OF_PARTITIONS.items() if re.match(part, name)), name) for name in names}


def whole_tables_of(nodes: list[dict[str, Any]]) -> set[str]:
    """Return the tables that a plan reads from end to end."""
    return {node["Relation Name"] for node in nodes if node["Node Type"] == "Seq Scan"} - TINY


def test_statements_find_rows_through_the_intended_index(crowded: Connection) -> None:
    plans = {name: plan_nodes(crowded, name) for name in SCANS}
    assert {name: whole_tables_of(nodes) for name, nodes in plans.items() if whole_tables_of(nodes)} == {}
    assert {name: indexes_of(nodes) for name, nodes in plans.items()} == SCANS
    for name, nodes in plans.items():
        assert all("user_id" in node["Index Cond"] for node in nodes if "Index Name" in node), name


def test_periods_are_read_by_their_starts_and_past_ones_are_not_visited(crowded: Connection) -> None:
    nodes = plan_nodes(crowded, "read_player_by_period")
    conditions = [node["Index Cond"] for node in nodes if node.get("Index Name") in ("tally_pkey", "completion_pkey")]
    assert len(conditions) == 4
    for each in conditions:
        in_range = "period_start >= " in each and "period_start <= " in each
        assert "schedule = 'lifetime'" in each or "period_start = " in each or in_range


def test_a_few_goals_are_read_by_keys_and_their_prefixes(crowded: Connection) -> None:
    conditions = {
        name: node["Index Cond"]
        for name in SCANS
        if name.startswith("read_goal_") and name != "read_goal_choices"
        for node in plan_nodes(crowded, name)
        if "Index Name" in node
    }
    columns = {name: [column for column in KEY_COLUMNS if column in cond] for name, cond in conditions.items()}
    assert columns == {
        "read_goal_tallies": ["schedule", "period_start", "source", "stat_code"],
        "read_goal_tally": ["schedule", "period_start", "source", "stat_code"],
        "read_goal_completions": ["period_start", "goal_id"],
        "read_goal_completions_between": ["period_start", "goal_id"],
    }


def test_choices_for_many_goals_are_not_compared_with_every_player_of_a_batch(crowded: Connection) -> None:
    assert [node for node in plan_nodes(crowded, "read_choices") if "Join Filter" in node] == []


def test_scores_of_some_players_are_found_without_scanning_all(crowded: Connection) -> None:
    plans = {name: plan_nodes(crowded, name) for name in SCANS_BY_THE_VIEW}
    for name, nodes in plans.items():
        assert whole_tables_of(nodes) <= {"leaderboard", "leaderboard_period"}, name
    of_players = {
        name: indexes_of([node for node in nodes if "user_id" in node.get("Index Cond", "")])
        for name, nodes in plans.items()
    }
    assert of_players == SCANS_BY_THE_VIEW


def test_the_count_finds_players_without_scanning_all(crowded: Connection) -> None:
    plans = {name: plan_nodes(crowded, name) for name in SCANS_OF_THE_COUNT}
    for name, nodes in plans.items():
        assert whole_tables_of(nodes) <= {"challenge_total"}, name
    of_players = {
        name: indexes_of([node for node in nodes if "user_id" in node.get("Index Cond", "")])
        for name, nodes in plans.items()
    }
    assert of_players == SCANS_OF_THE_COUNT


def test_the_queue_is_read_through_the_intended_index(crowded: Connection) -> None:
    plans = {name: plan_nodes(crowded, name) for name in SCANS_ACROSS_PLAYERS}
    assert {name: whole_tables_of(nodes) for name, nodes in plans.items() if whole_tables_of(nodes)} == {}
    assert {name: indexes_of(nodes) for name, nodes in plans.items()} == SCANS_ACROSS_PLAYERS


def test_existing_rows_are_detected_by_the_primary_key(crowded: Connection) -> None:
    plans = {name: plan_nodes(crowded, name) for name in ARBITERS}
    arbiters = {
        name: [node["Conflict Arbiter Indexes"] for node in nodes if "Conflict Arbiter Indexes" in node]
        for name, nodes in plans.items()
    }
    assert arbiters == {name: [[index]] for name, index in ARBITERS.items()}
    for name, nodes in plans.items():
        assert whole_tables_of(nodes) <= {"event_ledger", "player_tombstone"}, f"{name}: few rows"


def test_every_index_serves_a_statement(crowded: Connection) -> None:
    indexes = crowded.execute(
        "SELECT indexname FROM pg_indexes WHERE schemaname = 'public'"
        " AND tablename IN ('player', 'tally', 'distinct_value', 'assignment', 'selection', 'completion',"
        " 'settled_completion', 'carried_completion', 'started_challenge', 'standing', 'points_adjustment',"
        " 'reward_outbox', 'reward_queue_mark', 'settled_grant')"
    ).fetchall()
    by_the_view_of_scores = {"tally_of_period", "standing_of_scope"}
    used = by_the_view_of_scores.union(*SCANS.values(), *SCANS_ACROSS_PLAYERS.values(), ARBITERS.values())
    assert {name for (name,) in indexes} <= used


def test_every_statement_on_player_tables_has_a_plan_test() -> None:
    tables = "player tally assignment completion carried_completion started_challenge standing points_adjustment"
    tables += " distinct_value selection event_seen reward_outbox reward_queue_mark reward_claim settled_grant"
    tables += " every_completion settled_completion"
    of_players = re.compile(rf"\b(FROM|JOIN|INTO|UPDATE) ({tables.replace(' ', '|')})\b")
    on_their_tables = {name for name, statement in statements().items() if of_players.search(statement.text.decode())}
    # The first three insert new keys, the last is rolled back.
    without_looking = {"insert_adjustment", "insert_new_events", "insert_event_on_node", "write_a_page"}
    the_whole_queue = {"lock_queue_count", "drop_queue_marks", "make_queue_marks", "queue_depths"}
    for_operators = {"list_grants", "count_grants", "granted_not_claimed", "claimed_without_grant"}
    for_operators |= {"granted_twice", "completed_twice"}
    # These join a temporary table of an import.
    of_imports = {"claim_known_completions", "store_imported_tallies"}
    of_imports |= {"keep_request_ids_apart", "find_unstored_claim"}
    in_test_ranking_plans = {"players_to_rank"}
    looked_at = SCANS.keys() | SCANS_OF_THE_COUNT.keys() | SCANS_ACROSS_PLAYERS.keys() | ARBITERS.keys()
    assert on_their_tables - looked_at == (
        without_looking | the_whole_queue | for_operators | of_imports | in_test_ranking_plans
    )
