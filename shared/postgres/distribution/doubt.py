"""Transactions over several nodes whose outcome is decided, but not yet visible everywhere.

The coordinator commits between preparing the parts of a transaction on the nodes and committing them there. If a node
or the coordinator fails in between, Citus commits the parts later.
"""

from __future__ import annotations

import psycopg

from shared.postgres.connection import Connection
from shared.postgres.statements import statement

_PREPARED = statement("prepared_transactions")


class NodeAway(psycopg.OperationalError):
    """A node of the cluster does not reply."""


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
