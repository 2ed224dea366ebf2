"""The options of connections and of their sessions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import psycopg

from shared.runtime.address_checks import names_several_hosts, resolve

SESSION_OPTIONS = {
    # Plan once per connection, not once per call: planning the merge costs more than running it for one row.
    "plan_cache_mode": "force_generic_plan",
    "jit": "off",
    # Acknowledged events are durable, whatever the server's default is.
    "synchronous_commit": "on",
    # If a cancellation fails, the connection is closed. The server checks for that while a statement runs or waits
    # for a lock, and ends it. A statement outlives its deadline by this at most, and under overload the server
    # does not work for callers who have left.
    "client_connection_check_interval": "500ms",
    # For networks that lose the end of a connection.
    "statement_timeout": "30s",
    "lock_timeout": "10s",
    "idle_in_transaction_session_timeout": "30s",
    "timezone": "UTC",
}

CITUS_OPTIONS = {
    # It plans by the parameters, which tell it the shards, and refuses most generic plans.
    "plan_cache_mode": "auto",
    # It would open a connection for each shard, and close most of them after each transaction.
    "citus.multi_shard_modify_mode": "sequential",
}
"""Options of sessions where the database can distribute tables."""

TRANSPORT_OPTIONS = {
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "20000",
}
"""Seconds and milliseconds after which a silent network ends a connection."""


def wanted_server(address: str, theirs: Mapping[str, str]) -> dict[str, str]:
    """Return the argument by which libpq passes over standbys among several hosts, unless the address has its own.

    `theirs` are the resolved parameters of the address.
    """
    # After a switch-over the first host may be a standby, which refuses every write.
    is_open = names_several_hosts(address) and theirs["target_session_attrs"] == "any"
    return {"target_session_attrs": "read-write"} if is_open else {}


def connect_arguments(address: str, connect_timeout_s: int, application_name: str) -> dict[str, Any]:
    """Return the keyword arguments of `shared.postgres.connection.Connection.connect` besides the address.

    What the address, its service or the environment sets takes precedence: of a session option that is set twice the
    later one holds, and ours come first. Only the encoding is always ours.
    """
    theirs = resolve(address)
    ours = {"connect_timeout": str(connect_timeout_s), "application_name": application_name, **TRANSPORT_OPTIONS}
    session = " ".join(f"-c {name}={value}" for name, value in SESSION_OPTIONS.items())
    return {
        "autocommit": True,
        "cursor_factory": psycopg.RawCursor,
        "options": f"{session} {theirs['options']}".strip(),
        "client_encoding": "UTF8",
        **wanted_server(address, theirs),
        **{name: theirs[name] or value for name, value in ours.items()},
    }
