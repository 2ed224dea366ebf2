"""Export of a player: everything that is stored, as of one instant, read page by page while others play on."""

from __future__ import annotations

import time

from shared.domain.player_lines import header, line_of
from shared.operations.operators.resting import REST_FACTOR, rest_after
from shared.postgres.connection import Connection
from shared.postgres.database import Database
from shared.postgres.operators import player_data

RESTING_S = 1.0
"""Seconds in which an export rests most of the time; in as many after that it rests half of it, and then no more."""


def export_player(database: Database, user_id: str, deadline: float) -> list[str]:
    """Return the lines of an export, each a JSON object; none if nothing is stored of the player.

    Raise what the database raises.
    """

    def read(connection: Connection) -> list[str]:
        lines: list[str] = []
        begun = started = time.monotonic()
        for page in player_data.row_pages(connection, user_id):
            lines += [line_of(row.table, row.content) for row in page]
            if time.monotonic() - begun < 2 * RESTING_S:
                started = rest_after(started, REST_FACTOR if time.monotonic() - begun < RESTING_S else 1.0)
        return lines

    lines = database.transact(read, deadline)
    return [header(user_id), *lines] if lines else []
