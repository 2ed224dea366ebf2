"""Changed players, and sweeps over all players, by which duties follow what changes, in the database."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple

from shared.domain.instant import Instant
from shared.postgres.connection import Connection
from shared.postgres.statements import int_array, statement, text_array

_NOTE = statement("note_changed_players")
_NOTE_FIRST_CREDITED = statement("note_first_credited")
_PREFER_INDEXES = statement("prefer_indexes")
_TAKE_CHANGED = statement("take_changed_players")
_ADD = statement("add_player_sweep")
_TAKE = statement("take_player_sweep")
_STORE = statement("store_player_sweep")
_READ = statement("read_player_sweep")

CHALLENGE_COUNT = "count challenges"
"""Name of the duty that counts players of challenges."""
RANKING_REFRESH = "refresh ranking"
"""Name of the duty that keeps the rankings in the database up to date."""
COMPLETION_PACKING = "pack completions"
"""Name of the duty that packs claimed completions. Each value of its setting has a sweep under this and the value."""
PERIOD_FINISH = "finish period"
"""Name of the duty that makes rankings of ended periods final."""


class Sweep(NamedTuple):
    """The progress of a duty over all players."""

    version: str
    """The rules that it works by. Another version begins a new sweep."""
    bookmark: str | None
    """The end of the range that was visited last; None while no sweep is under way."""
    begin_time: Instant
    visited: int
    """Players that the sweep under way has visited."""
    complete_time: Instant | None
    """When the last complete sweep of this version ended; None if none has."""
    last_visited: int | None
    """Players that it visited."""
    unpublished: bool
    """True if players were processed since the results were last published."""
    finish_time: Instant | None
    """When there was last nothing left to do; None if never."""


def note_changed(connection: Connection, duty: str, user_ids: Collection[str]) -> None:
    """Note for a duty the players that this transaction changes. Sent with the next statement or with COMMIT."""
    if user_ids:
        _NOTE.defer(connection, duty, text_array(sorted(user_ids)))


def note_first_credited(connection: Connection, duty: str, tallies_before: Sequence[tuple[str, str, int]]) -> None:
    """Note for a duty the players of whose goals this transaction counts the first event since activation.

    `tallies_before`: player id, goal id and the measure before this transaction, for goals that count from their
    activation on. Sent with the next statement or with COMMIT.
    """
    if tallies_before:
        user_ids, goal_ids, measures = zip(*tallies_before, strict=True)
        _NOTE_FIRST_CREDITED.defer(connection, duty, text_array(user_ids), text_array(goal_ids), int_array(measures))


def take_changed(connection: Connection, duty: str, count: int) -> list[str]:
    """Take at most `count` notes of changed players, and return their players, each once."""
    return [user_id for (user_id,) in _TAKE_CHANGED.rows(connection, duty, count)]


def take(connection: Connection, duty: str, owner: str, now: Instant, seen_since: Instant) -> Sweep | None:
    """Lock the sweep for this transaction; return None while another process works on it.

    A process that was not seen since `seen_since` counts as dead.
    """
    _PREFER_INDEXES.defer(connection)
    row = _TAKE.row(connection, duty, owner, seen_since)
    if row is None and _READ.row(connection, duty) is None:
        _ADD.rows(connection, duty, now)
        row = _TAKE.row(connection, duty, owner, seen_since)
    return None if row is None else Sweep(*row)


def store(connection: Connection, duty: str, owner: str, now: Instant, sweep: Sweep) -> None:
    """Store the sweep, which this transaction has locked. An empty owner: it has finished."""
    bookmark, begin_time, visited, complete_time, last_visited, unpublished, finish_time = sweep[1:]
    _STORE.rows(
        connection,
        duty,
        sweep.version,
        owner,
        now,
        begin_time,
        bookmark,
        visited,
        complete_time,
        last_visited,
        unpublished,
        finish_time,
    )


def read(connection: Connection, duty: str) -> Sweep | None:
    """Return the sweep of a duty; None if it never ran."""
    row = _READ.row(connection, duty)
    return None if row is None else Sweep(*row)
