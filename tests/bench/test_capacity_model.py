"""The needs of many players."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.capacity_model import GIB, Assumptions, MeasuredCosts, Relation, needed

MEASURED = MeasuredCosts(
    relations=[
        Relation(name="tally", bytes_a_player=2_000, players_on_a_page=20),
        Relation(name="tally_pkey", bytes_a_player=600, players_on_a_page=12),
    ],
    ledger_bytes=200,
    wal_warm=500,
    wal_cold=12_000,
    service_cpu_us=40,
    postgres_cpu_us=60,
    score_bytes=165,
)
PLAYERS = st.floats(min_value=1_000, max_value=1e9)


@given(PLAYERS, st.floats(min_value=1.5, max_value=100))
def test_all_but_connections_grow_with_the_players(players: float, factor: float) -> None:
    few, many = needed(players, MEASURED, Assumptions()), needed(players * factor, MEASURED, Assumptions())
    for name in (
        "events_per_s",
        "disk_gib",
        "hot_gib",
        "service_cores",
        "postgres_cores",
        "wal_cold_gib",
        "ranking_gib",
    ):
        assert getattr(many, name) == pytest.approx(getattr(few, name) * factor)


@given(PLAYERS, st.floats(min_value=0.001, max_value=1))
def test_the_hot_set_is_part_of_what_lies_on_disk(players: float, active: float) -> None:
    assumed = replace(Assumptions(), active=active)
    need = needed(players, MEASURED, assumed)
    assert 0 < need.hot_gib <= need.disk_gib
    assert MEASURED.relations[0].hot_share(active) >= active


def test_a_day_of_a_million_players() -> None:
    assumed = Assumptions(active=0.1, events=50, peak=3.0, ledger_days=5)
    need = needed(1e6, MEASURED, assumed)
    assert need.events_per_s == pytest.approx(5e6 / 86_400 * 3)
    assert need.wal_cold_gib == pytest.approx(5e6 * 12_000 / GIB)
    assert need.disk_gib == pytest.approx((1e6 * 2_600 + 5e6 * 200 * 5) / GIB)
