"""The rights that the role of a service needs on tables and functions: those that its statements use."""

from __future__ import annotations

from shared.postgres.connection import Connection
from shared.postgres.statements import statement, text_array

_MISSING = statement("missing_rights")

SHOWN_MAX = 5
"""Number of missing rights that a reason lists."""

TABLES = {
    "_yoyo_migration": "SELECT",
    "assignment": "SELECT INSERT UPDATE",
    "carried_completion": "SELECT INSERT UPDATE",
    "catalogue_version": "SELECT INSERT",
    "challenge_count": "SELECT INSERT UPDATE",
    "challenge_report": "SELECT INSERT DELETE",
    "challenge_total": "SELECT INSERT UPDATE",
    "changed_player": "SELECT INSERT DELETE",
    "completion": "SELECT INSERT UPDATE DELETE",
    "counted_player": "SELECT INSERT UPDATE",
    "database_identity": "SELECT",
    "distinct_value": "SELECT INSERT DELETE",
    "draw_secret": "SELECT",
    "every_completion": "SELECT",
    "event_horizon": "SELECT INSERT UPDATE",
    "event_ledger": "SELECT",
    "event_seen": "SELECT INSERT",
    "event_seen_default": "SELECT DELETE",
    "goal_identity": "SELECT INSERT",
    "goal_tier": "SELECT INSERT",
    "grant_history": "SELECT",
    "leaderboard": "SELECT INSERT UPDATE",
    "leaderboard_bucket": "SELECT INSERT UPDATE DELETE",
    "leaderboard_final": "SELECT INSERT",
    "leaderboard_journal": "SELECT INSERT DELETE",
    "leaderboard_period": "SELECT INSERT UPDATE",
    "leaderboard_process": "SELECT INSERT UPDATE DELETE",
    "leaderboard_ranking": "SELECT INSERT UPDATE DELETE",
    "leaderboard_score": "SELECT",
    "player": "SELECT INSERT UPDATE",
    "player_attribute": "SELECT INSERT DELETE",
    "player_sweep": "SELECT INSERT UPDATE",
    "player_tombstone": "SELECT DELETE",
    "pool_version": "SELECT INSERT DELETE",
    "ranking_change": "SELECT INSERT DELETE",
    "ranking_finish": "SELECT INSERT UPDATE DELETE",
    "ranking_state": "SELECT INSERT UPDATE DELETE",
    "redis_prefix": "SELECT INSERT",
    "reward_claim": "SELECT",
    "reward_outbox": "SELECT INSERT UPDATE DELETE",
    "reward_queue_mark": "SELECT INSERT DELETE",
    "reopened_completion": "SELECT UPDATE DELETE",
    "season_run": "SELECT INSERT UPDATE DELETE",
    "selection": "SELECT INSERT UPDATE DELETE",
    "standing": "SELECT INSERT UPDATE",
    "settled_completion": "SELECT INSERT DELETE",
    "settled_grant": "SELECT INSERT DELETE",
    "started_challenge": "SELECT INSERT",
    "tally": "SELECT INSERT UPDATE DELETE",
    "time_zone_data": "SELECT",
}
"""Rights on rows, by table or view."""

FUNCTIONS = (
    "instant(bigint)",
    "microseconds(timestamptz)",
    "database_time()",
    "database_key()",
    "server_timeline()",
    "event_horizon_in_force(timestamptz)",
    "make_event_seen_partition(date)",
    "drop_event_seen_partitions(date)",
    "make_settled_grant_partition(timestamptz)",
    "drop_settled_grant_partitions(timestamptz)",
    "delete_old_audits(timestamptz)",
    "analyze_leaderboard_ranking()",
    "analyze_leaderboard_mark()",
    "analyze_settled_completion()",
    "count_leaderboard_players(text[], timestamptz[], bigint[], timestamptz[], text[], integer[])",
    "balance_leaderboard_bucket(bigint)",
    "widen_leaderboard_bucket(bigint)",
    "leaderboard_place(text, timestamptz, bigint, timestamptz, text)",
)
"""Functions to execute."""

_PAIRS = [(table, right) for table, rights in TABLES.items() for right in rights.split()]
_PARAMETERS = (
    text_array([table for table, _ in _PAIRS]),
    text_array([right for _, right in _PAIRS]),
    text_array(FUNCTIONS),
)


def rights_problem(connection: Connection) -> str | None:
    """Return which rights the role of the connection lacks; None if it has all that a service needs."""
    role, schema, missing = _MISSING.only_row(connection, *_PARAMETERS)
    remedy = "(docs/operations.md, Roles)"
    if schema is None:
        return f"role {role!r} may not use any schema of its search path: GRANT USAGE ON SCHEMA {remedy}"
    if not missing:
        return None
    more = f" and {len(missing) - SHOWN_MAX} more" if len(missing) > SHOWN_MAX else ""
    return f"role {role!r} lacks rights: {', '.join(missing[:SHOWN_MAX])}{more} {remedy}"
