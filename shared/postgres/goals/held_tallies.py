"""Lifetime tallies that are locked so that no completion of a goal is stored meanwhile, whether they are there or not.

Whoever stores a completion, other than with the player's completions held as unpacking does, has the lifetime tally of
the goal's stat locked, or has just stored it: then no other transaction sees it. A player may have completions without
that tally, as after an operator has begun it from zero, or where another system has brought them.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from shared.postgres.connection import Connection
from shared.postgres.statements import statement, text_array

_READ_STATS = statement("read_stats_of_goals")
_LIMIT_WAIT = statement("limit_tally_wait")
_HOLD = statement("hold_tallies")
_DROP = statement("drop_held_tallies")


class HeldTally(NamedTuple):
    """The lifetime tally of a player and a stat."""

    user_id: str
    source: str
    code: str


def read_stats(connection: Connection, goal_ids: Collection[str]) -> dict[str, tuple[str, str]]:
    """Return the source and code of the stat of each goal that any catalogue ever had."""
    rows = _READ_STATS.rows(connection, text_array(sorted(goal_ids)))
    return {goal_id: (source, code) for goal_id, source, code in rows}


def limit_wait(connection: Connection) -> None:
    """Let the next statements of the transaction fail if they wait 10 ms for a lock. Nodes of a cluster wait longer."""
    _LIMIT_WAIT.precede(connection)


def hold(connection: Connection, wanted: Collection[HeldTally]) -> list[HeldTally]:
    """Lock these tallies until the transaction ends, store those that are not there, and return them, to be dropped.

    A transaction that is storing one of them is waited for.
    """
    if not wanted:
        return []
    return list(map(HeldTally._make, _HOLD.rows(connection, *_columns(wanted))))


def drop(connection: Connection, made: Collection[HeldTally]) -> None:
    """Delete tallies that `hold` has stored in this transaction, by the next round trip."""
    if made:
        _DROP.defer(connection, *_columns(made))


def _columns(tallies: Collection[HeldTally]) -> list[str]:
    return [text_array(column) for column in zip(*sorted(tallies), strict=True)]
