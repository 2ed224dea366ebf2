"""The properties of a session on which the guarantees of the system depend."""

from __future__ import annotations

from shared.postgres.connection import Connection
from shared.postgres.execution import Execution
from shared.postgres.session_options import CITUS_OPTIONS, SESSION_OPTIONS
from shared.postgres.sqlstates import PREPARED_STATEMENTS_LOST
from shared.postgres.statements import statement

_STATE = statement("session_state")


def read_state_first(connection: Connection) -> Execution:
    """Read the properties in the round trip of the next statement, which the caller executes at once."""
    return _STATE.precede(connection)


def session_problem(connection: Connection, state: Execution | None = None) -> str | None:
    """Return why work on this session would fail or not be durable; None if it is as it must be.

    `state` is what `read_state_first` returned, if the statement after it was executed.
    """
    (row,) = _STATE.rows(connection) if state is None else state.rows
    read_only, encoding, time_zone, commit, *timeouts, plans, modifies, backend_pid, keeps_name = row
    if read_only:
        return "the database is read-only"
    if encoding != "UTF8":
        return f"the database has the encoding {encoding}, must be UTF8: create it with ENCODING 'UTF8'"
    if backend_pid != connection.info.backend_pid and keeps_name:
        return PREPARED_STATEMENTS_LOST
    is_kept = {
        "timezone": time_zone == "UTC",
        "synchronous_commit": commit != "off",
        **dict(zip(_TIMEOUTS, (timeout != "0" for timeout in timeouts), strict=True)),
    }
    wanted = dict(SESSION_OPTIONS)
    if connection.on_citus:
        wanted |= CITUS_OPTIONS
        is_kept |= {name: value == wanted[name] for name, value in zip(CITUS_OPTIONS, (plans, modifies), strict=True)}
    lost = [f"{name}={wanted[name]}" for name, kept in is_kept.items() if not kept]
    if lost:
        return (
            f"sessions do not have {', '.join(lost)}: a connection pooler drops them, or the address sets others; "
            "set them for the role (docs/operations.md, Connection poolers)"
        )
    return None


_TIMEOUTS = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout")
