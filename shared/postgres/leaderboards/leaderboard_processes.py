"""The running processes and the leaderboards that each of them knows, in the database."""

from __future__ import annotations

from collections.abc import Collection

from shared.domain.instant import Microseconds
from shared.postgres.connection import Connection
from shared.postgres.statements import statement, text_array

_RENEW = statement("renew_leaderboard_process")
_FORGET = statement("forget_leaderboard_process")
_INVALIDATE = statement("invalidate_for_gone_processes")


def renew(connection: Connection, process: str, board_ids: Collection[str]) -> None:
    """Record that a process runs, and which leaderboards it knows."""
    _RENEW.rows(connection, process, text_array(sorted(board_ids)))


def forget(connection: Connection, process: str) -> None:
    """Delete the row of a process that ends."""
    _FORGET.rows(connection, process)


def invalidate_for_gone(connection: Connection, silent: Microseconds) -> list[str]:
    """Invalidate the rankings of leaderboards that a killed process lacked, and return their ids.

    A process counts as killed if it has not renewed its row for `silent`. Its row is deleted.
    """
    return [board_id for (board_id,) in _INVALIDATE.rows(connection, silent)]
