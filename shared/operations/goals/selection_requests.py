"""Calls that change a selection: each is done once under its request id, whatever becomes of its response."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Mapping
from hashlib import blake2b
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

from shared.domain.current_periods import CurrentPeriods
from shared.domain.errors import RequestIdReused
from shared.domain.instant import Instant
from shared.domain.progress import PlayerView
from shared.operations.goals.view_player import view_player
from shared.postgres.connection import Connection
from shared.postgres.database import Database
from shared.postgres.goals import players, selections
from shared.postgres.goals.selections import SelectionKey, StoredSelection
from shared.postgres.transaction import NothingStored

_DIGEST_BYTES = 12
_CALL_BITS = 63


class Storable(Protocol):
    """A result that JSON can express: a named tuple."""

    def _asdict(self) -> dict[str, Any]: ...


Result = TypeVar("Result", bound=Storable)
Seen = TypeVar("Seen")


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


class SelectionOutcome(NamedTuple, Generic[Result]):
    """The result of a call, and the player after it."""

    result: Result
    view: PlayerView


def change_selection(
    database: Database,
    key: SelectionKey,
    request: SelectionRequest,
    read_before: Callable[[Connection], Seen],
    change: Callable[[Connection, StoredSelection, Seen], SelectionChange[Result]],
    decode: Callable[[Mapping[str, Any]], Result],
    shown: CurrentPeriods,
    now: Instant,
    deadline: float,
) -> SelectionOutcome[Result]:
    """Change a selection in one transaction under its lock, and return the outcome; once under a request id.

    `read_before` reads what `change` needs in the round trip that locks the selection. Both may be called again after a
    conflict or a lost connection. `decode` returns the result from what its `_asdict` has returned. The player is
    viewed in the `shown` periods, in the round trip of COMMIT.

    Raise what `change` raises, `RequestIdReused`, and `DatabaseUnavailable`, `DeadlineExceeded` or `Overloaded`, after
    which the same call may be sent again.
    """
    call = secrets.randbits(_CALL_BITS)

    def work(connection: Connection) -> _Done:
        locked = selections.lock(connection, key, request.request_id, now)
        seen = read_before(connection)
        connection.execute_deferred()
        stored = locked()
        if stored.result is not None:
            raise _Unchanged(decode(_own_result(stored.result, request)))
        result, is_change, goal_ids, rerolls = change(connection, stored, seen)
        content = b""
        if request.request_id is not None:
            content = json.dumps({"call": request.digest, **result._asdict()}, separators=(",", ":")).encode()
            selections.store(connection, key, request.request_id, content, goal_ids=goal_ids, rerolls=rerolls)
        elif is_change:
            selections.store_unnamed(connection, key, call, goal_ids=goal_ids, rerolls=rerolls)
        else:
            raise _Unchanged(result)
        return _Done(result, content, players.read_later(connection, key.user_id, shown))

    def is_stored(connection: Connection, _: int, done: _Done) -> bool:
        if request.request_id is None:
            return selections.has_unnamed(connection, key, call)
        # Another call under the request id may have got ahead of this one: then its result counts.
        return selections.find_result(connection, key, request.request_id) == done.content

    player = None
    try:
        done = database.transact(work, deadline, written=is_stored)
        result: Result = done.result
        player = done.read_player()
    except _Unchanged as unchanged:
        result = unchanged.result
    view = view_player(database, key.user_id, deadline, shown) if player is None else player.view
    return SelectionOutcome(result, view)


class _Done(NamedTuple):
    """A transaction before its COMMIT."""

    result: Any
    content: bytes
    """The result as it is stored; empty without a request id."""
    read_player: Callable[[], players.StoredPlayer | None]


def _own_result(stored: bytes, request: SelectionRequest) -> Mapping[str, Any]:
    """Return the stored result of this call. Raise `RequestIdReused` if it is another call's."""
    found: Mapping[str, Any] = json.loads(stored)
    if found["call"] != request.digest:
        raise RequestIdReused("the request id belongs to another selection")
    return found


class _Unchanged(NothingStored):
    """The selection stays as it is."""

    def __init__(self, result: Any) -> None:
        super().__init__()
        self.result = result
