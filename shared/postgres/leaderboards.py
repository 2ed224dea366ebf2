"""Leaderboards and their periods, in the database."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from shared.domain.identity import BoardIdentity
from shared.domain.instant import Instant
from shared.postgres.arrays import int_array, nullable_int_array, nullable_text_array, text_array
from shared.postgres.connection import Connection
from shared.postgres.statements import statement

_UPSERT = statement("upsert_leaderboards")
_READ_IDENTITIES = statement("read_leaderboard_identities")
_OPEN_PERIODS = statement("open_leaderboard_periods")


class BoardPeriod(NamedTuple):
    """A period of a board. The order is the order in which transactions lock them."""

    board_id: str
    start: Instant
    end: Instant | None
    """None for the lifetime."""


def upsert(connection: Connection, boards: Mapping[str, BoardIdentity], now: Instant) -> None:
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


def read_identities(connection: Connection, board_ids: Iterable[str]) -> dict[str, BoardIdentity]:
    """What these board ids stand for; an unknown one is left out."""
    rows = _READ_IDENTITIES.rows(connection, text_array(list(board_ids)))
    return {board_id: BoardIdentity(*identity) for board_id, *identity in rows}


def open_periods(connection: Connection, periods: Iterable[BoardPeriod]) -> int:
    """Make what is missing of these periods, and answer how many were."""
    board_ids, starts, ends = zip(*sorted(periods), strict=True)
    row = _OPEN_PERIODS.row(connection, text_array(board_ids), int_array(starts), nullable_int_array(ends))
    return 0 if row is None else int(row[0])
