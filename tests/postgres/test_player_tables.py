"""Everything that can hold a player is exported and erased."""

from __future__ import annotations

from shared.postgres.operators import player_data
from tests.support.databases import connected
from tests.support.services import rows

WITHOUT_PLAYERS = {
    "catalogue_version",
    "challenge_count",
    "challenge_report",
    "challenge_total",
    "database_identity",
    "draw_secret",
    "event_horizon",
    "erased_import",
    "event_ledger",
    "goal_identity",
    "goal_tier",
    "leaderboard",
    "leaderboard_bucket",
    "leaderboard_period",
    "leaderboard_process",
    "leaderboard_refresh",
    "player_sweep",
    "pool_version",
    "ranking_finish",
    "ranking_state",
    "redis_prefix",
    "reward_queue_mark",
    "season_run",
    "time_zone_data",
}
"""Tables that hold no player, or only as long as another table does."""
NAMED_OTHERWISE = {
    "leaderboard_final",
    "leaderboard_journal",
    "operator_audit",
    "player_tombstone",
    "ranking_change",
    "settled_completion",
    "settled_grant",
    "reward_audit",
    "event_seen",
}
"""Tables that the functions of the migration treat one by one."""


def test_every_column_that_can_hold_a_player_is_covered(database_url: str) -> None:
    columns = rows(
        database_url,
        "SELECT class.relname, attname, format_type(atttypid, NULL) FROM pg_attribute"
        " JOIN pg_class AS class ON class.oid = attrelid"
        " WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'm') AND NOT relispartition"
        " AND attnum > 0 AND NOT attisdropped AND class.relname !~ 'yoyo'",
    )
    covered = {name for (name,) in rows(database_url, "SELECT player_tables()")} | NAMED_OTHERWISE
    texts = {name for name, _, kind in columns if kind.startswith(("text", "json", "bytea", "character"))}
    unknown = texts - covered - WITHOUT_PLAYERS
    assert unknown == set(), "give it a column user_id, or list it here"
    named = {name for name, column, _ in columns if "user" in column or "player" in column}
    assert named - covered - {"erased_import", "leaderboard_bucket", "leaderboard_period", "ranking_finish"} == set()


def test_a_row_in_any_table_is_a_trace_of_its_player(database_url: str) -> None:
    with connected(database_url) as connection:
        connection.execute("CREATE TABLE of_a_later_release (user_id text)")
        connection.execute("INSERT INTO of_a_later_release VALUES ('ana')")
        connection.execute("INSERT INTO player_tombstone VALUES ('ana', 'epoch', 'epoch'), ('bea', 'epoch', 'epoch')")
        connection.execute("INSERT INTO leaderboard_period VALUES ('old', 'epoch', 'epoch', NULL, NULL)")
        connection.execute("INSERT INTO leaderboard_final VALUES ('old', 'epoch', 1, 1, 'ana', 9, 'epoch')")
        connection.execute("INSERT INTO event_seen VALUES ('2024-02-29', 'ana', decode(md5('x'), 'hex'))")
        assert player_data.traces(connection, "ana") == {"of_a_later_release", "leaderboard_final", "event_seen"}
        assert player_data.traces(connection, "bea") == set(), "a tombstone is left of who is gone"
