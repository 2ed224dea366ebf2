"""Distributing the tables of a database with Citus."""

from __future__ import annotations

from typing import NamedTuple

from shared.domain.operator_acts import Acting, ActKind, OperatorAct
from shared.postgres.connection import Connection
from shared.postgres.distribution.placement import has_citus, misplaced, placements, tables
from shared.postgres.distribution.written_places import DISTRIBUTED
from shared.postgres.operators import operator_audit
from shared.postgres.statements import statement

_NODES = statement("count_worker_nodes")
_FUNCTIONS = statement("distribute_functions")
_LOCK = statement("lock_undistributed_tables")
_FIRST = statement("distribute_first_table")
_FURTHER = statement("distribute_further_table")
_GATHER = statement("gather_table")
_FORGET = statement("forget_undistributed_rows")
_END_SESSIONS = statement("end_other_sessions")


class DistributionRefused(Exception):
    """The tables cannot be distributed; the message says why."""


class DistributionPlan(NamedTuple):
    """The changes that distribute the tables."""

    to_distribute: list[str]
    """Tables that are not distributed yet; none if all are."""
    local: list[str]
    """Tables that stay on the coordinator."""


def distribution_plan(connection: Connection) -> DistributionPlan:
    """Return what there is to do. Raise `DistributionRefused` if it is not possible."""
    if not has_citus(connection):
        raise DistributionRefused(
            "the database does not have the extension citus: CREATE EXTENSION citus on every node"
        )
    if not _NODES.value(connection):
        raise DistributionRefused("no node can hold shards: add some by citus_add_node")
    placed = placements(connection)
    present = tables(connection)
    missing = [name for name in DISTRIBUTED if name not in present]
    if missing:
        raise DistributionRefused(f"the schema is behind ({', '.join(missing)} missing): run `make migrate`")
    to_distribute = [name for name in DISTRIBUTED if name not in placed]
    wrong = [problem for problem in misplaced(placed) if not problem.endswith("is not distributed")]
    if wrong:
        raise DistributionRefused(f"{'; '.join(wrong)}: undo it by undistribute_table")
    return DistributionPlan(to_distribute, sorted(set(present) - set(DISTRIBUTED)))


def distribute(connection: Connection, shards: int, acting: Acting) -> list[str]:
    """Distribute the tables that are not yet, in one transaction, and return their names.

    Writers wait until it ends. Other sessions are ended then, and open again. Raise `DistributionRefused` if it is not
    possible. The connection must be in autocommit mode.
    """
    with connection.transaction():
        # All nodes are written one after the other: a transaction that reads and writes on many connections is refused.
        connection.run_script(b"SET LOCAL citus.multi_shard_modify_mode = 'sequential'")
        names = distribution_plan(connection).to_distribute
        _FUNCTIONS.rows(connection)
        if not names:
            return []
        if len(names) == len(DISTRIBUTED):
            _LOCK.rows(connection)
        if "completion" in names:
            # Citus distributes no table with triggers. `shared.postgres.goals.completions` does what this one does.
            connection.run_script(b"DROP TRIGGER IF EXISTS completion_restores_claims ON completion")
        for name in names:
            if name == DISTRIBUTED[0]:
                _FIRST.rows(connection, name, shards)
            else:
                _FURTHER.rows(connection, name, DISTRIBUTED[0])
        act = OperatorAct(ActKind.DISTRIBUTE, acting, details={"tables": names, "shards": shards})
        operator_audit.note(connection, act)
        _END_SESSIONS.rows(connection)
    for name in names:
        _FORGET.rows(connection, name)
    return names


def gather(connection: Connection, acting: Acting) -> list[str]:
    """Move all distributed tables back to the coordinator, in one transaction, and return their names.

    Writers wait until it ends. Other sessions are ended then, and open again.

    The connection must be in autocommit mode.
    """
    with connection.transaction():
        connection.run_script(b"SET LOCAL citus.multi_shard_modify_mode = 'sequential'")
        placed = placements(connection) if has_citus(connection) else {}
        names = [name for name in DISTRIBUTED if name in placed]
        for name in names:
            _GATHER.rows(connection, name)
        if "completion" in names:
            connection.run_script(
                b"CREATE TRIGGER completion_restores_claims AFTER INSERT ON completion REFERENCING NEW TABLE AS stored"
                b" FOR EACH STATEMENT EXECUTE FUNCTION restore_claims()"
            )
        if names:
            operator_audit.note(
                connection, OperatorAct(ActKind.DISTRIBUTE, acting, details={"tables": names, "shards": 0})
            )
            _END_SESSIONS.rows(connection)
    return names
