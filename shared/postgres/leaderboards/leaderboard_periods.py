"""Leaderboards and their periods, in the database."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import psycopg

from shared.domain.identity import LeaderboardIdentity
from shared.domain.instant import Instant, Microseconds
from shared.postgres.connection import Connection
from shared.postgres.statements import int_array, nullable_int_array, nullable_text_array, statement, text_array

_UPSERT = statement("upsert_leaderboards")
_READ_IDENTITIES = statement("read_leaderboard_identities")
_OPEN_PERIODS = statement("open_leaderboard_periods")
_WANT = statement("want_leaderboards")
_RETIRE = statement("retire_leaderboards")
_LOCK_PERIODS = statement("lock_leaderboard_periods")
_SET_LOCK_WAIT = statement("set_lock_wait")
_AWAIT_PERIODS = statement("await_leaderboard_periods")
_NEXT_TO_END = statement("next_leaderboard_period_to_end")
_IS_FINAL = statement("is_leaderboard_period_final")


class LeaderboardPeriod(NamedTuple):
    """A period of a leaderboard. Periods are locked in their order."""

    board_id: str
    start: Instant
    end: Instant | None
    """None for the lifetime."""


def upsert(connection: Connection, boards: Mapping[str, LeaderboardIdentity], now: Instant) -> None:
    """Record the definitions of new leaderboards, and mark all of these as wanted; known ones keep their definition."""
    board_ids = sorted(boards)
    known = [boards[board_id] for board_id in board_ids]
    _UPSERT.rows(
        connection,
        text_array(board_ids),
        text_array([board.measure for board in known]),
        nullable_text_array([board.scope for board in known]),
        nullable_text_array([board.scope_id for board in known]),
        nullable_text_array([board.source for board in known]),
        nullable_text_array([board.stat_code for board in known]),
        text_array([board.schedule for board in known]),
        text_array([str(board.ascending) for board in known]),
        now,
    )


def read_identities(connection: Connection, board_ids: Iterable[str]) -> dict[str, LeaderboardIdentity]:
    """Return the recorded definitions of these leaderboards; unknown ones are left out."""
    rows = _READ_IDENTITIES.rows(connection, text_array(list(board_ids)))
    return {board_id: LeaderboardIdentity(*identity) for board_id, *identity in rows}


def open_periods(connection: Connection, periods: Iterable[LeaderboardPeriod]) -> int:
    """Store the missing ones of these periods, and return how many were missing."""
    found = sorted(periods)
    if not found:
        return 0
    board_ids, starts, ends = zip(*found, strict=True)
    return int(_OPEN_PERIODS.value(connection, text_array(board_ids), int_array(starts), nullable_int_array(ends)))


def want(connection: Connection, board_ids: Iterable[str], now: Instant, unless_since: Instant) -> None:
    """Mark these leaderboards as wanted now, unless they were marked since `unless_since`."""
    _WANT.rows(connection, text_array(list(board_ids)), now, unless_since)


def retire(connection: Connection, unwanted_since: Instant) -> None:
    """Stop ranking leaderboards that were not wanted since then."""
    _RETIRE.rows(connection, unwanted_since)


def lock_periods(connection: Connection) -> bool:
    """Lock the ending of periods for this transaction; return False if another process holds the lock."""
    return bool(_LOCK_PERIODS.value(connection))


def await_periods(connection: Connection, wait_s: float) -> bool:
    """Lock the ending of periods for this transaction; wait for `wait_s` seconds at most.

    Return False if it is still locked by then. The transaction is lost in that case.
    """
    _SET_LOCK_WAIT.precede(connection, max(1, int(wait_s * 1000)))
    try:
        _AWAIT_PERIODS.rows(connection)
    except psycopg.errors.LockNotAvailable:
        return False
    return True


def next_to_end(
    connection: Connection, process_time: Instant, horizon: Microseconds, margin: Microseconds
) -> tuple[str, Instant] | None:
    """Lock and return the period that ended longest ago and is not final, as leaderboard and start.

    It must have ended `horizon` and `margin` ago by both clocks, and longer if another handler has a greater horizon.
    """
    row = _NEXT_TO_END.row(connection, process_time, horizon, margin)
    return None if row is None else (row[0], row[1])


def is_final(connection: Connection, board_id: str, period_start: Instant) -> bool | None:
    """Return whether a period's ranking is final; None if the period never existed."""
    row = _IS_FINAL.row(connection, board_id, period_start)
    return None if row is None else bool(row[0])
