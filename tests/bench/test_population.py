"""Players made in bulk have the rows of players of the service."""

from __future__ import annotations

from bench.database import connected
from bench.population import ORIGINALS, Habits, copied_id, multiply, store_originals
from bench.services import ROOT
from shared.catalogue.loader import load
from shared.domain.recalculation import drifts
from shared.postgres.statistics import histories
from shared.runtime.clock import system_clock

CATALOGUE = load(ROOT / "catalogues" / "demo.yaml")
HABITS = Habits(completions=6, days=3, claims=2)
TABLES = ("player", "tally", "completion", "standing", "settled_grant")
COPIES = 2


def test_copies_differ_from_their_originals_in_their_ids_only(database_url: str) -> None:
    with connected(database_url) as connection:
        store_originals(connection, CATALOGUE, HABITS, system_clock())
        counts = {
            table: connection.execute(f"SELECT count(*) FROM {table}".encode()).fetchall()[0][0]  # noqa: S608
            for table in TABLES
        }
        assert counts["player"] == ORIGINALS
        assert counts["completion"] == ORIGINALS * HABITS.completions
        assert {table: multiply(connection, table, COPIES) for table in TABLES} == {
            table: COPIES * count for table, count in counts.items()
        }
        for original in (0, ORIGINALS - 1):
            found = histories.read(connection, [copied_id(original, number) for number in range(COPIES + 1)])
            for player, history in found.items():
                assert len(history.completed) == HABITS.completions
                assert sum(each.claim_time is not None for each in history.completed) == HABITS.claims
                assert drifts(player, history, CATALOGUE.points_schedules) == []
            first, *others = found.values()
            assert all(sorted(map(str, other.completed)) == sorted(map(str, first.completed)) for other in others)
