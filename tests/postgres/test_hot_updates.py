"""Events change no index: the new version of a tally stays on its page."""

from __future__ import annotations

from shared.domain.tally import Tally, TallyKey
from shared.postgres.connection import Connection
from shared.postgres.events import tallies
from tests.support.strategies import FIRST_DAY, KILLS, STATS

MERGES = 400


def test_merges_into_one_tally_are_hot_updates(either_connection: Connection) -> None:
    for number in range(3):
        tallies.merge(either_connection, {TallyKey(f"player {number}", stat): Tally() for stat in STATS})
    for number in range(MERGES):
        added = Tally(number, 1, number, number, number, {FIRST_DAY + number % 30})
        tallies.merge(either_connection, {TallyKey("player 1", KILLS): added})
    either_connection.execute("SELECT pg_stat_force_next_flush()")
    row = either_connection.execute(
        "SELECT n_tup_upd, n_tup_hot_upd FROM pg_stat_user_tables WHERE relname = 'tally'"
    ).fetchone()
    assert row is not None
    updates, hot_updates = row
    assert updates == MERGES
    assert hot_updates >= 0.9 * MERGES
