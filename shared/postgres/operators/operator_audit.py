"""The audit of operators' changes: only added to, by the transactions that make the changes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple

from shared.domain.instant import Instant
from shared.domain.operator_acts import ActOutcome, ActPhase, OperatorAct
from shared.postgres.connection import Connection
from shared.postgres.statements import statement

_INSERT = statement("insert_operator_audit")
_READ = statement("read_operator_audit")
_READ_OF_PLAYER = statement("read_operator_audit_of_player")
_FIND = statement("find_operator_audit")
_EXISTS = statement("operator_audit_exists")
_LOCK_UNDO = statement("lock_undo")
_UNDONE = statement("operator_audit_undone")

Do = Callable[[Callable[[Connection], int]], int]
"""Executes work on a connection and returns its result."""


class NotedAct(NamedTuple):
    """A row of the audit."""

    audit_id: int
    time: Instant
    operator: str | None
    """The name that the operator gave."""
    database_role: str | None
    """The role that the operator logged in as."""
    kind: str
    phase: ActPhase
    begun_id: int | None
    """The row of the intention that this row is the outcome of."""
    user_id: str | None
    reason: str | None
    details: Mapping[str, Any]


def note(connection: Connection, act: OperatorAct) -> int:
    """Record a change in the transaction that makes it, and return the id of the row."""
    return _note(connection, act, ActPhase.DONE)


def _note(connection: Connection, act: OperatorAct, phase: ActPhase, begun_id: int | None = None) -> int:
    time, operator, reason = act.acting
    details = json.dumps(act.details)
    row = (time, operator, act.kind.value, phase.value, begun_id, act.user_id, reason, details)
    return int(_INSERT.value(connection, *row))


@contextmanager
def noted(do: Do, act: OperatorAct, clock: Callable[[], Instant]) -> Iterator[ActOutcome]:
    """Record the intention of a change that is no single transaction, and then its outcome, whatever it is.

    An intention without an outcome is left by a process that was killed. `do` commits each row by itself; it returns 0
    where there is no audit.
    """
    begun_id = do(lambda connection: _note(connection, act, ActPhase.BEGUN))

    def end(phase: ActPhase) -> None:
        end = act._replace(acting=act.acting._replace(time=clock()), details=outcome.details)
        do(lambda connection: _note(connection, end, phase, begun_id or None))

    outcome = ActOutcome()
    try:
        yield outcome
    except BaseException:
        # The first error tells more than that the database is away, too.
        with suppress(Exception):
            end(ActPhase.FAILED)
        raise
    end(ActPhase.DONE if outcome.complete else ActPhase.FAILED)


def begin_undo(connection: Connection, act: NotedAct) -> bool:
    """Let no other transaction undo a change until this one ends, and return whether it is undone already."""
    _LOCK_UNDO.defer(connection, act.audit_id)
    return bool(_UNDONE.value(connection, act.user_id, act.audit_id))


def exists(connection: Connection) -> bool:
    """Return whether the schema has the audit already."""
    return bool(_EXISTS.value(connection))


def read(
    connection: Connection, user_id: str | None, since: Instant | None, kind: str | None, before: int | None, count: int
) -> list[NotedAct]:
    """Return at most `count` recorded changes, the newest first, of those before the row `before`.

    `kind` may be the beginning of kinds, such as `rewards`. A condition that is None matches everything.
    """
    if user_id is None:
        rows = _READ.rows(connection, since, kind, before, count)
    else:
        rows = _READ_OF_PLAYER.rows(connection, user_id, since, kind, before, count)
    return list(map(_noted_act, rows))


def find(connection: Connection, audit_id: int) -> NotedAct | None:
    """Return a recorded change; None if there is none with this id."""
    row = _FIND.row(connection, audit_id)
    return None if row is None else _noted_act(row)


def _noted_act(row: tuple[Any, ...]) -> NotedAct:
    return NotedAct._make([*row[:5], ActPhase(row[5]), *row[6:9], json.loads(row[9])])
