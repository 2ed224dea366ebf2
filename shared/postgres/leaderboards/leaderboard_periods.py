"""Leaderboards and their periods, in the database."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from shared.domain.identity import LeaderboardIdentity
from shared.domain.instant import Instant
from shared.postgres.arrays import int_array, nullable_int_array, nullable_text_array, text_array
from shared.postgres.connection import Connection
from shared.postgres.statements import statement

_UPSERT = statement("upsert_leaderboards")
_READ_IDENTITIES = statement("read_leaderboard_identities")
_OPEN_PERIODS = statement("open_leaderboard_periods")
_WANT = statement("want_leaderboards")
_RETIRE = statement("retire_leaderboards")
_LOCK_PERIODS = statement("lock_leaderboard_periods")
_NEXT_TO_END = statement("next_leaderboard_period_to_end")
_FINISH = statement("finish_leaderboard_period")
_IS_FINAL = statement("is_leaderboard_period_final")


class LeaderboardPeriod(NamedTuple):
    """A period of a board. The order is the order in which transactions lock them."""

    board_id: str
    start: Instant
    end: Instant | None
    """None for the lifetime."""


def upsert(connection: Connection, boards: Mapping[str, LeaderboardIdentity], now: Instant) -> None:
    """Note what board ids stand for, and that they are wanted; those that are known stay what they are."""
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
    """What these board ids stand for; an unknown one is left out."""
    rows = _READ_IDENTITIES.rows(connection, text_array(list(board_ids)))
    return {board_id: LeaderboardIdentity(*identity) for board_id, *identity in rows}


def open_periods(connection: Connection, periods: Iterable[LeaderboardPeriod]) -> int:
    """Make what is missing of these periods, and answer how many were."""
    board_ids, starts, ends = zip(*sorted(periods), strict=True)
    row = _OPEN_PERIODS.row(connection, text_array(board_ids), int_array(starts), nullable_int_array(ends))
    return 0 if row is None else int(row[0])


def want(connection: Connection, board_ids: Iterable[str], now: Instant, unless_since: Instant) -> None:
    """Note that a catalogue has these boards, where nobody has said so since `unless_since`."""
    _WANT.rows(connection, text_array(list(board_ids)), now, unless_since)


def retire(connection: Connection, unwanted_since: Instant) -> None:
    """Rank boards no more that nobody has wanted since then."""
    _RETIRE.rows(connection, unwanted_since)


def lock_periods(connection: Connection) -> bool:
    """Whether this transaction is the one that ends periods now; the lock ends with it."""
    row = _LOCK_PERIODS.row(connection)
    return row is not None and bool(row[0])


def next_to_end(connection: Connection, ended_by: Instant) -> tuple[str, Instant] | None:
    """Of the periods that are over and not final, the one that ended longest ago: its board and start, locked."""
    row = _NEXT_TO_END.row(connection, ended_by)
    return None if row is None else (row[0], row[1])


def finish(connection: Connection, board_id: str, period_start: Instant, now: Instant) -> int:
    """Make a period's ranking final as it stands, and answer how many players it has."""
    row = _FINISH.row(connection, board_id, period_start, now)
    if row is None:
        raise LookupError("the period is there, and not final")
    return int(row[0])


def is_final(connection: Connection, board_id: str, period_start: Instant) -> bool | None:
    """Whether a period's ranking is final; None if there never was such a period."""
    row = _IS_FINAL.row(connection, board_id, period_start)
    return None if row is None else bool(row[0])
