"""Calls that change a selection: each is done once under its request id, whatever becomes of its response."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Mapping
from hashlib import blake2b
from typing import Any, Generic, NamedTuple, TypeVar

from shared.domain.errors import RequestIdReused
from shared.domain.instant import Instant
from shared.postgres.connection import Connection
from shared.postgres.database import Database
from shared.postgres.goals import selections
from shared.postgres.goals.selections import SelectionKey, StoredSelection

_DIGEST_BYTES = 12
_UNNAMED = "\x01"
"""The beginning of ids that stand for a call without a request id. A caller's id has no control characters."""

Result = TypeVar("Result")


class SelectionChange(NamedTuple, Generic[Result]):
    """The outcome of a call."""

    result: Result
    is_change: bool
    """False if the call has changed nothing, so that nothing has to be stored unless it has a request id."""
    goal_ids: tuple[str, ...] | None = None
    """The selection of a pool to store; None if it stays computed, and for other challenges."""
    rerolls: int = 0


class SelectionRequest(NamedTuple):
    """A call that changes a selection."""

    method: str
    arguments: tuple[Any, ...]
    """Everything but the key that distinguishes two calls of the method, as JSON can express it."""
    request_id: str | None

    @property
    def digest(self) -> str:
        """The hash of the call, by which another call under the same request id is recognised."""
        content = json.dumps([self.method, *self.arguments]).encode()
        return blake2b(content, digest_size=_DIGEST_BYTES).hexdigest()


def change_selection(
    database: Database,
    key: SelectionKey,
    request: SelectionRequest,
    change: Callable[[Connection, StoredSelection], SelectionChange[Result]],
    encode: Callable[[Result], Mapping[str, Any]],
    decode: Callable[[Mapping[str, Any]], Result],
    now: Instant,
    deadline: float,
) -> Result:
    """Change a selection in one transaction under its lock, and return the result; once under a request id.

    `change` may be called again after a conflict or a lost connection. `encode` and `decode` turn its result into JSON
    and back. Raise what `change` raises, `RequestIdReused`, and `DatabaseUnavailable`, `DeadlineExceeded` or
    `Overloaded`, after which the same call may be sent again.
    """
    stored_as = request.request_id or f"{_UNNAMED}{secrets.token_hex(8)}"

    def work(connection: Connection) -> tuple[Result, bytes]:
        stored = selections.lock(connection, key, stored_as, now)
        if stored.result is not None:
            raise _Unchanged(decode(_own_result(stored.result, request)))
        changed = change(connection, stored)
        if request.request_id is None:
            if not changed.is_change:
                raise _Unchanged(changed.result)
            result = b""
        else:
            result = json.dumps({"call": request.digest, **encode(changed.result)}, separators=(",", ":")).encode()
        selections.store(connection, key, stored_as, result, goal_ids=changed.goal_ids, rerolls=changed.rerolls)
        return changed.result, result

    def is_stored(connection: Connection, _: int, done: tuple[Result, bytes]) -> bool:
        # Another call under the request id may have got ahead of this one: then its result counts.
        return selections.find_result(connection, key, stored_as) == done[1]

    try:
        return database.transact(work, deadline, written=is_stored)[0]
    except _Unchanged as unchanged:
        result: Result = unchanged.result
        return result


def _own_result(stored: bytes, request: SelectionRequest) -> Mapping[str, Any]:
    """Return the stored result of this call. Raise `RequestIdReused` if it is another call's."""
    found: Mapping[str, Any] = json.loads(stored)
    if found["call"] != request.digest:
        raise RequestIdReused("the request id belongs to another selection")
    return found


class _Unchanged(Exception):
    """Nothing is to be stored: the transaction is rolled back."""

    def __init__(self, result: Any) -> None:
        super().__init__()
        self.result = result
