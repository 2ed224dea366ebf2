"""The panels of the dashboards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple


class Panel(NamedTuple):
    """A graph: its title, the unit in Grafana's words, and its curves."""

    title: str
    unit: str
    curves: Mapping[str, str]
    """PromQL by legend; `{{label}}` in a legend is the value of a label."""


def rate(name: str, by: str = "", matchers: str = "") -> str:
    """Return the rate of a counter, summed up by labels."""
    return f"sum by ({by}) (rate({name}{{{_of_jobs(matchers)}}}[$__rate_interval]))"


def gauge(name: str, by: str = "", matchers: str = "", how: str = "max") -> str:
    """Return a gauge, by default the largest by labels. What is not known, and so not a number, is left out of sums."""
    known = " >= 0" if how == "sum" else ""
    return f"{how} by ({by}) ({name}{{{_of_jobs(matchers)}}}{known})"


def quantile(of: float, name: str, by: str = "", matchers: str = "") -> str:
    """Return a quantile of a histogram by labels."""
    labels = f"le, {by}" if by else "le"
    return f"histogram_quantile({of}, {rate(f'{name}_bucket', labels, matchers)})"


def quantiles(name: str, matchers: str = "") -> dict[str, str]:
    """Return three quantiles of a histogram."""
    return {f"p{of * 100:g}": quantile(of, name, "", matchers) for of in (0.5, 0.95, 0.99)}


def _of_jobs(matchers: str) -> str:
    return 'job=~"$job"' + (f",{matchers}" if matchers else "")


CALLS = "rpc_server_call_duration_seconds"
OURS = 'rpc_method=~"challenge[.]v1[.].*"'
FAULTS = f'{OURS},error_type!=""'
LISTS = 'rpc_method=~".*/(ListChallenges|GetChallenge|InitializePlayer)"'
CLAIMS = 'rpc_method=~".*/(ClaimReward|ClaimAll|ListClaimable|GetClaim|ListClaims)"'
BOARDS = 'rpc_method=~".*LeaderboardService/.*"'
STATEMENTS = "db_client_operation_duration_seconds"
POSTGRES, REDIS = 'db_system_name="postgresql"', 'db_system_name="redis"'

DASHBOARDS: Mapping[str, Mapping[str, Sequence[Panel]]] = {
    "overview": {
        "Objectives": [
            Panel("Calls that fail through a fault of ours", "percentunit", {
                "last hour": "challenge:call_faults:ratio_rate1h",
                "last 3 days": "challenge:call_faults:ratio_rate3d"}),
            Panel("Acknowledgements later than 50 ms", "percentunit", {
                "last hour": "challenge:late_acknowledgements:ratio_rate1h",
                "last 3 days": "challenge:late_acknowledgements:ratio_rate3d"}),
        ],
        "Players": [
            Panel("Completions by challenge", "ops", {"{{challenge}}": rate("completions_total", "challenge")}),
            Panel("Claims by challenge", "ops", {"{{challenge}} {{by}}": rate("claims_total", "challenge, by")}),
            Panel("Grants by final state", "ops", {"{{state}}": rate("grants_total", "state")}),
        ],
        "Calls": [
            Panel("Calls", "reqps", {"{{rpc_method}}": rate(f"{CALLS}_count", "rpc_method", OURS)}),
            Panel("Faults of ours", "reqps", {
                "{{rpc_method}} {{error_type}}": rate(f"{CALLS}_count", "rpc_method, error_type", FAULTS)}),
            Panel("Duration, p99", "s", {"{{rpc_method}}": quantile(0.99, CALLS, "rpc_method", OURS)}),
        ],
        "Processes": [
            Panel("Probes that fail", "short", {
                "{{instance}} {{name}}": gauge("health_problem", "instance, name") + " > 0"}),
            Panel("CPU", "short", {"{{instance}} {{worker}}": rate("process_cpu_seconds_total", "instance, worker")}),
            Panel("Memory", "bytes", {
                "{{instance}} {{worker}}": gauge("process_resident_memory_bytes", "instance, worker")}),
            Panel("Releases", "short", {"{{service_name}} {{service_version}}": gauge(
                "target_info", "service_name, service_version", how="count")}),
        ],
        "Callers": [
            Panel("Calls in progress, and waiting", "short", {
                "{{instance}} in progress": gauge("rpc_calls_in_progress", "instance", how="sum"),
                "{{instance}} waiting": gauge("rpc_calls_waiting", "instance", how="sum")}),
            Panel("Callers refused", "reqps", {"{{reason}}": rate("rpc_callers_refused_total", "reason")}),
            Panel("Beyond their limits", "reqps", {"{{limit}}": rate("rpc_callers_limited_total", "limit")}),
            Panel("Slow callers", "reqps", {"{{reason}}": rate("rpc_slow_callers_total", "reason")}),
        ],
    },
    "events": {
        "Events": [
            Panel("Events by verdict", "ops", {"{{verdict}}": rate("events_total", "verdict")}),
            Panel("Acknowledgements", "s", quantiles("event_acknowledgement_seconds")),
            Panel("Completions", "ops", {"{{challenge}}": rate("completions_total", "challenge")}),
        ],
        "Writer": [
            Panel("Flushes", "s", quantiles("flush_seconds")),
            Panel("Events in a flush", "short", quantiles("flush_events")),
            Panel("Buffered events", "short", {
                "{{instance}} {{worker}}": gauge("buffered_events", "instance, worker")}),
            Panel("Longest wait", "s", {
                "{{instance}} {{worker}}": gauge("oldest_event_wait_seconds", "instance, worker")}),
        ],
        "Trouble": [
            Panel("Flushes that failed, and batches that were split", "ops", {
                "failed": rate("flush_failures_total"), "split": rate("flush_bisections_total")}),
            Panel("Days without a partition", "short", {"days": gauge("ledger_days_without_partition")}),
            Panel("Streams", "short", {
                "{{instance}} open": gauge("rpc_streams_open", "instance", how="sum"),
                "{{instance}} waiting": gauge("rpc_streams_waiting", "instance", how="sum")}),
        ],
    },
    "event-sources": {
        "Messages": [
            Panel("Messages settled", "ops", {"{{outcome}}": rate("source_messages_total", "outcome")}),
            Panel("Behind the newest message", "short", {
                "all": gauge("source_lag_messages", matchers='of="partitions"', how="sum")
                + " or " + gauge("source_lag_messages", matchers='of="consumer"'),
                "{{instance}} {{worker}}": gauge("source_lag_messages", "instance, worker")}),
            Panel("Received and not committed", "short", {
                "{{instance}} {{worker}}": gauge("source_open_messages", "instance, worker")}),
        ],
        "Calls of the event handler": [
            Panel("Calls", "reqps", {"{{code}}": rate("source_calls_total", "code")}),
            Panel("Duration", "s", quantiles("source_call_duration_seconds")),
        ],
        "Trouble": [
            Panel("Paused", "short", {"{{instance}} {{worker}}": gauge("source_paused", "instance, worker")}),
            Panel("Dead letters", "ops", {"{{verdict}}": rate("source_dead_letters_total", "verdict")}),
        ],
    },
    "lists-and-claims": {
        "Lists": [
            Panel("Calls", "reqps", {"{{rpc_method}}": rate(f"{CALLS}_count", "rpc_method", LISTS)}),
            Panel("Duration", "s", quantiles(CALLS, LISTS)),
            Panel("Statements for each call", "short", {
                "round trips": f"{rate('database_round_trips_total')} / {rate(f'{CALLS}_count', '', OURS)}"}),
        ],
        "Claims": [
            Panel("Calls", "reqps", {
                "{{rpc_method}} {{rpc_response_status_code}}":
                    rate(f"{CALLS}_count", "rpc_method, rpc_response_status_code", CLAIMS)}),
            Panel("Duration", "s", quantiles(CALLS, CLAIMS)),
            Panel("Claims", "ops", {"{{challenge}} {{by}}": rate("claims_total", "challenge, by")}),
        ],
        "Catalogue": [
            Panel("Versions in use", "short", {"{{version}}": gauge("catalogue_info", "version", how="count")}),
            Panel("Refused", "short", {"{{instance}}": gauge("catalogue_refused", "instance")}),
            Panel("Age of the challenge report", "s", {
                "age": f"time() - {gauge('challenge_report_timestamp_seconds')}"}),
        ],
    },
    "rewards": {
        "Queue": [
            Panel("Waiting grants", "short", {"{{provider}}": gauge("reward_queue_depth", "provider")}),
            Panel("The oldest has been due for", "s", {"{{provider}}": gauge("reward_oldest_due_seconds", "provider")}),
            Panel("Breaker open", "short", {
                "{{instance}} {{provider}}": gauge("reward_breaker_open", "instance, provider")}),
        ],
        "Deliveries": [
            Panel("Attempts", "ops", {"{{provider}} {{state}}": rate("reward_attempts_total", "provider, state")}),
            Panel("Duration of the provider's calls, p99", "s", {
                "{{provider}}": quantile(0.99, "reward_provider_seconds", "provider")}),
            Panel("Attempts needed, p99", "short", {
                "{{provider}}": quantile(0.99, "reward_attempts_needed", "provider")}),
        ],
        "Grants": [
            Panel("By challenge and final state", "ops", {
                "{{challenge}} {{state}}": rate("grants_total", "challenge, state")}),
            Panel("Leases lost, and stuck grants that were resolved", "ops", {
                "{{provider}} lost": rate("reward_leases_lost_total", "provider"),
                "{{provider}} {{state}}": rate("reward_reconciled_total", "provider, state")}),
        ],
    },
    "leaderboards": {
        "Reads": [
            Panel("Calls", "reqps", {"{{rpc_method}}": rate(f"{CALLS}_count", "rpc_method", BOARDS)}),
            Panel("Duration", "s", quantiles(CALLS, BOARDS)),
            Panel("Served by Redis or not", "ops", {"{{outcome}}": rate("cache_reads_total", "outcome")}),
        ],
        "Freshness": [
            Panel("Scores may be missing in Redis for", "s", {
                "{{instance}}": gauge("leaderboard_lag_seconds", "instance")}),
            Panel("Scores that differ", "short", {
                "compared": gauge("leaderboard_compared"), "differ": gauge("leaderboard_differences")}),
            Panel("Age of the ranking in Postgres", "s", {"age": gauge("leaderboard_ranking_age_seconds", how="min")}),
            Panel("Refreshes of the ranking", "s", quantiles("leaderboard_refresh_seconds")),
        ],
        "Periods": [Panel("Rankings made final", "ops", {"finished": rate("leaderboard_periods_finished_total")})],
    },
    "postgres-and-redis": {
        "Postgres": [
            Panel("Statements", "ops", {
                "{{db_query_summary}}": rate(f"{STATEMENTS}_count", "db_query_summary", POSTGRES)}),
            Panel("Time in statements", "short", {
                "{{db_query_summary}}": rate(f"{STATEMENTS}_sum", "db_query_summary", POSTGRES)}),
            Panel("Duration of statements, p99", "s", {
                "{{db_query_summary}}": quantile(0.99, STATEMENTS, "db_query_summary", POSTGRES)}),
        ],
        "Connections": [
            Panel("Connections", "short", {
                "{{instance}} {{db_client_connection_state}}":
                    gauge("db_client_connection_count", "instance, db_client_connection_state", how="sum")}),
            Panel("Waiting for a connection", "short", {
                "{{instance}}": gauge("db_client_connection_pending_requests", "instance", how="sum")}),
            Panel("Size of the pools", "short", {
                "{{instance}}": gauge("db_client_connection_max", "instance", how="sum")}),
        ],
        "Trouble": [
            Panel("Retries", "ops", {"{{reason}}": rate("database_retries_total", "reason")}),
            Panel("Commits whose reply was lost", "ops", {"{{outcome}}": rate("ambiguous_commits_total", "outcome")}),
            Panel("Statements that were given up", "ops", {
                "{{connection}}": rate("abandoned_statements_total", "connection")}),
            Panel("Difference of the clocks", "s", {"{{instance}}": gauge("clock_difference_seconds", "instance")}),
        ],
        "Redis": [
            Panel("Duration, p99", "s", {
                "{{db_query_summary}}": quantile(0.99, STATEMENTS, "db_query_summary", REDIS)}),
            Panel("Away", "short", {"{{instance}}": gauge("cache_away", "instance")}),
            Panel("Problems", "short", {"{{reason}}": gauge("cache_problem", "reason")}),
            Panel("Memory of rankings", "bytes", {"{{cache}}": gauge("cache_bytes", "cache")}),
        ],
        "Duties": [
            Panel("Passes that failed", "ops", {"{{duty}}": rate("duty_passes_total", "duty", 'outcome="failed"')}),
            Panel("Duties with work left", "s", {"{{duty}}": gauge("duty_unfinished_seconds", "duty", how="min")}),
            Panel("Players visited by sweeps", "short", {"{{duty}}": gauge("duty_sweep_visited", "duty")}),
            Panel("Tallies pruned, completions carried forward", "ops", {
                "pruned": rate("tallies_pruned_total"), "carried": rate("completions_carried_forward_total")}),
            Panel("Grants moved to the history", "ops", {"moved": rate("grants_moved_total")}),
            Panel("Grants that should have been moved", "short", {"left": gauge("grants_left_to_move", how="min")}),
        ],
    },
}  # fmt: skip
"""The dashboards by name: rows by title."""
