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
from tests.support.databases import connected
from tests.support.postgres_server import PostgresServer

# Indexes that each statement scans. The name of the ledger stands for the index of each of its partitions.
SCANS = {
    "read_player": {"player_pkey", "tally_pkey", "assignment_pkey", "completion_pkey"},
    "read_player_by_period": {
        "player_pkey",
        "selection_pkey",
        "tally_pkey",
        "assignment_pkey",
        "completion_pkey",
        "completion_of_goal",
        "carried_completion_pkey",
        "player_attribute_pkey",
    },
    "read_player_goals": {
        "player_attribute_pkey",
        "player_pkey",
        "tally_pkey",
        "assignment_pkey",
        "completion_pkey",
        "completion_of_goal",
        "carried_completion_pkey",
    },
    "read_player_statistics": {
        "player_pkey",
        "tally_pkey",
        "assignment_pkey",
        "completion_pkey",
        "standing_pkey",
        "selection_pkey",
    },
    "read_player_trend": {"standing_pkey"},
    "read_streak_days": {"tally_pkey"},
    "take_baselines": {"assignment_pkey"},
    "return_reopened_claims": {"reopened_completion_pkey", "completion_pkey"},
    "return_baselines": {"assignment_pkey"},
    "recount_distinct_values": {"distinct_value_pkey", "tally_pkey"},
    "players_seen": {"event_seen"},
    "read_rows_of_players": {"player_pkey", "tally_pkey", "assignment_pkey", "completion_pkey", "standing_pkey"},
    "read_histories": {
        "completion_pkey",
        "points_adjustment_pkey",
        "standing_pkey",
        "carried_completion_pkey",
        "reopened_completion_pkey",
    },
    "take_completions": {"completion_pkey"},
    "subtract_from_tallies": {"tally_pkey"},
    "take_tally": {"tally_pkey"},
    "take_distinct_values": {"distinct_value_pkey"},
    "take_reopened_completions": {"reopened_completion_pkey"},
    "return_claims": {"completion_pkey"},
    "read_challenges_of_grants": {"completion_pkey"},
    "visit_every_shard": {"player_pkey"},
    "players_with_history": {"completion_pkey", "points_adjustment_pkey", "standing_pkey"},
    "store_standings": {"standing_pkey"},
    "end_of_range": {"tally_pkey"},
    "prune_selections": {"selection_pkey"},
    "store_selection": {"selection_pkey"},
    "store_unnamed_selection": {"selection_pkey"},
    "find_selection_result": {"selection_pkey"},
    "find_unnamed_call": {"selection_pkey"},
    "read_selections_of_players": {"selection_pkey"},
    "prune_tallies": {"tally_pkey", "assignment_pkey", "standing_pkey", "started_challenge_pkey"},
    "players_of_range": {
        "tally_pkey",
        "assignment_pkey",
        "standing_pkey",
        "completion_pkey",
        "carried_completion_pkey",
        "started_challenge_pkey",
        "counted_player_pkey",
    },
    "lock_counted_players": {"counted_player_pkey"},
    "note_first_credited": {"assignment_pkey"},
    "end_of_completions": {"completion_pkey"},
    "end_of_claims": {"reward_outbox_pkey"},
    "delete_old_claims": {
        "reward_outbox_pkey",
        "carried_completion_pkey",
        "completion_pkey",
        "reopened_completion_pkey",
    },
    "lock_old_completions": {"completion_of_goal", "reward_outbox_pkey"},
    "carry_completions": {"completion_pkey", "reward_outbox_pkey"},
    "insert_distinct_values": {"tally_pkey"},
    "prune_distinct_values": {"distinct_value_pkey"},
    "find_adjustment": {"points_adjustment_pkey"},
    "list_adjustments": {"points_adjustment_pkey"},
    "read_zones": {"player_pkey"},
    "lock_zones": {"player_pkey"},
    "store_zones": {"player_pkey"},
    "read_inactive_since": {"assignment_pkey"},
    "read_choices": {"assignment_pkey", "player_pkey"},
    "store_claims": {"completion_pkey"},
    "store_rewards": {"completion_pkey"},
    "take_attribute": {"player_attribute_pkey"},
    "read_attributes": {"player_attribute_pkey"},
    "read_never_claimed": {"completion_pkey", "assignment_pkey"},
    "read_met": {"completion_pkey", "completion_of_goal", "carried_completion_pkey"},
    "lock_unclaimed": {"completion_pkey"},
    "lock_completion": {"completion_pkey"},
    "release_claim": {"completion_pkey", "reward_outbox_pkey"},
    "release_reopened_claim": {"reopened_completion_pkey", "reward_outbox_pkey"},
    "find_claim": {"reward_outbox_pkey"},
    "find_claim_by_request": {"reward_outbox_request_id", "reward_outbox_pkey"},
    "find_newest_claims": {"reward_outbox_pkey"},
    "read_completions_of_goals": {"completion_pkey"},
    "read_completions_of_periods": {"completion_pkey"},
    "event_seen_by_transaction": {"event_seen"},
    "read_events_seen": {"event_seen"},
    "player_after_tallies": {"tally_pkey"},
    "player_after_standings": {"standing_pkey"},
}

# Indexes by which statements over the view of scores find players' rows. Leaderboards and periods are few.
SCANS_BY_THE_VIEW = {
    "scores_of_players": {"tally_pkey", "standing_pkey"},
    "scores_of_ranking": {"tally_pkey", "standing_pkey"},
}

# Indexes by which the count of challenges finds players' rows. Challenges are few.
SCANS_OF_THE_COUNT = {
    "number_challenges": {"standing_pkey"},
    "count_players": {
        "tally_pkey",
        "assignment_pkey",
        "standing_pkey",
        "completion_pkey",
        "carried_completion_pkey",
        "started_challenge_pkey",
        "counted_player_pkey",
    },
}

# The same for statements across players: the delivery queue is read by provider.
SCANS_ACROSS_PLAYERS = {
    "lease_grants": {"reward_outbox_queue", "reward_outbox_grant_id"},
    "lease_owners": {"reward_outbox_leases"},
    "end_leases": {"reward_outbox_leases"},
    "take_stale_grants": {"reward_outbox_leases", "reward_outbox_grant_id"},
    "settle_grants": {"reward_outbox_grant_id"},
    "recall_grants": {"reward_outbox_grant_id"},
    "find_claim_by_grant": {"reward_outbox_grant_id", "reward_outbox_pkey"},
    "list_claims": {"reward_outbox_pkey", "reward_outbox_grant_id"},
    "last_queue_mark": {"reward_outbox_grant_id", "reward_queue_mark_pkey"},
    "count_queue_ahead": {"reward_outbox_queue", "reward_outbox_grant_id"},
    "count_players_with_standings": {"standing_of_scope"},
    "find_grant": {"reward_outbox_grant_id"},
    "read_unsettled_grants": {"reward_outbox_pkey"},
    "lock_grant": {"reward_outbox_grant_id"},
    "change_grant": {"reward_outbox_grant_id"},
}

# Index by which each statement detects an existing row.
ARBITERS = {
    "insert_player": "player_pkey",
    "give_attribute": "player_attribute_pkey",
    "merge_tallies": "tally_pkey",
    "lock_tally": "tally_pkey",
    "store_assignment": "assignment_pkey",
    "store_assignments": "assignment_pkey",
    "lock_selection": "selection_pkey",
    "insert_completions": "completion_pkey",
    "merge_standings": "standing_pkey",
    "insert_distinct_values": "distinct_value_pkey",
    "return_distinct_values": "distinct_value_pkey",
    "insert_events_seen": "event_seen_pkey",
    "insert_goal_identities": "goal_identity_pkey",
    "insert_catalogue_version": "catalogue_version_pkey",
    "upsert_leaderboards": "leaderboard_pkey",
    "open_leaderboard_periods": "leaderboard_period_pkey",
}


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
    return {"event_seen" if name.startswith("event_seen_") else name for name in names}


def whole_tables_of(nodes: list[dict[str, Any]]) -> set[str]:
    """Return the tables that a plan reads from end to end."""
    return {node["Relation Name"] for node in nodes if node["Node Type"] == "Seq Scan"}


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
    nodes = plan_nodes(crowded, "read_player_goals")
    (tally,) = [node["Index Cond"] for node in nodes if node.get("Index Name") == "tally_pkey"]
    assert all(column in tally for column in ("schedule", "period_start", "source", "stat_code"))
    for completion in [node["Index Cond"] for node in nodes if node.get("Index Name") == "completion_pkey"]:
        assert all(column in completion for column in ("period_start", "goal_id"))


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
        " 'carried_completion', 'started_challenge', 'standing', 'points_adjustment', 'reward_outbox',"
        " 'reward_queue_mark')"
    ).fetchall()
    by_the_view_of_scores = {"tally_of_period", "standing_of_scope"}
    used = by_the_view_of_scores.union(*SCANS.values(), *SCANS_ACROSS_PLAYERS.values(), ARBITERS.values())
    assert {name for (name,) in indexes} <= used


def test_every_statement_on_player_tables_has_a_plan_test() -> None:
    tables = "player tally assignment completion carried_completion started_challenge standing points_adjustment"
    tables += " distinct_value selection event_seen reward_outbox reward_queue_mark"
    of_players = re.compile(rf"\b(FROM|JOIN|INTO|UPDATE) ({tables.replace(' ', '|')})\b")
    on_their_tables = {name for name, statement in statements().items() if of_players.search(statement.text.decode())}
    # The first always inserts a new key, the second is rolled back.
    without_looking = {"insert_adjustment", "write_a_page"}
    the_whole_queue = {"lock_queue_count", "drop_queue_marks", "make_queue_marks", "queue_depths"}
    for_operators = {"list_grants", "count_grants", "granted_not_claimed", "claimed_without_grant"}
    # These join a temporary table of an import.
    of_imports = {"claim_known_completions", "read_imported_rows_of_known_tallies"}
    looked_at = SCANS.keys() | SCANS_OF_THE_COUNT.keys() | SCANS_ACROSS_PLAYERS.keys() | ARBITERS.keys()
    assert on_their_tables - looked_at == without_looking | the_whole_queue | for_operators | of_imports
