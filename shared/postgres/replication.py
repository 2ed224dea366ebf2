"""Commits that a synchronous standby has, too.

A COMMIT waits for the standbys that `synchronous_standby_names` of the server lists. If somebody interrupts the wait,
the server warns and reports success: the transaction is visible, and a promotion may still lose it. Standbys receive
the log in its order, so what a session has seen is safe once a later COMMIT of the same session was waited for.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from shared.postgres.connection import Connection
from shared.postgres.statements import statement

_REQUIRE = statement("require_replication")
_STANDBYS = statement("synchronous_standbys")
_NUMBER = re.compile(r"\s*(?:(?:FIRST|ANY)\s+)?(\d+)\s*\(", re.IGNORECASE)


def require(connection: Connection) -> None:
    """Let every COMMIT of this connection wait for synchronous standbys. What says so travels with BEGIN."""
    connection.begins_with = (_REQUIRE.name.encode(), _REQUIRE.text)


def wait_again(connection: Connection) -> None:
    """Commit transactions that change nothing until the wait for one of them is not interrupted."""
    while connection.warned:
        connection.begin()
        _REQUIRE.rows(connection)
        connection.commit_transaction()


def confirm_read(connection: Connection) -> None:
    """Wait until the standbys have everything that the session has seen."""
    connection.warned = True
    wait_again(connection)


def confirmed(connection: Connection, seen: Callable[[Connection], bool]) -> bool:
    """Return whether rows are seen. If they are, the COMMIT of this transaction also waits for what wrote them."""
    found = seen(connection)
    if found:
        _REQUIRE.rows(connection)
    return found


def replication_problem(connection: Connection) -> str | None:
    """Return why commits would not be, or not soon be, on a synchronous standby; None if they are."""
    names, synchronous, hidden = _STANDBYS.only_row(connection)
    if not names.strip():
        return "the database has no synchronous standby: synchronous_standby_names is empty"
    number = _NUMBER.match(names)
    needed = 1 if number is None else int(number[1])
    if synchronous >= needed:
        return None
    if hidden:
        return "the role may not see which standbys are synchronous: GRANT pg_read_all_stats (docs/operations.md)"
    return (
        f"the database has {synchronous} of {needed} synchronous standbys: nothing is acknowledged until those of "
        f"synchronous_standby_names ({names}) are back"
    )
