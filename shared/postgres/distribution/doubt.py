"""Transactions over several nodes whose outcome is decided, but not yet visible everywhere.

The coordinator commits between preparing the parts of a transaction on the nodes and committing them there. If a node
or the coordinator fails in between, Citus commits the parts later.
"""

from __future__ import annotations

import time

import psycopg

from shared.postgres.connection import Connection
from shared.postgres.statements import statement

_PREPARED = statement("prepared_transactions")

DOUBT_MAX_S = 2.0
"""Longest wait in seconds for the parts of a transaction on other nodes."""
DOUBT_POLL_S = 0.05


class NodeAway(psycopg.OperationalError):
    """A node of the cluster does not reply."""


class InDoubt(Exception):
    """A transaction is not committed on all nodes yet."""


def prepared_transactions(connection: Connection) -> frozenset[str]:
    """Return the transactions that are prepared on some node: none where tables are not distributed.

    Raise `NodeAway` if a node does not reply, which is treated as a connection that was lost.
    """
    if not connection.on_citus:
        return frozenset()
    rows = _PREPARED.rows(connection)
    if not all(success for success, _ in rows):
        raise NodeAway("a node of the cluster does not reply")
    return frozenset(name for _, names in rows for name in names.split())


def await_nodes(connection: Connection) -> None:
    """Wait until every node shows the writes of the transactions whose notes were read.

    Raise `InDoubt` after `DOUBT_MAX_S`. Notes are on the coordinator, which commits first.
    """
    left = prepared_transactions(connection)
    deadline = time.monotonic() + DOUBT_MAX_S
    while left:
        if time.monotonic() > deadline:
            raise InDoubt
        time.sleep(DOUBT_POLL_S)
        left &= prepared_transactions(connection)
