"""Standings merge in the database as in memory."""

from __future__ import annotations

from collections.abc import Iterable
from copy import deepcopy
from itertools import count

from hypothesis import given
from hypothesis import strategies as st

from shared.domain.instant import DAY, LIFETIME_START
from shared.domain.schedules import DAILY, LIFETIME
from shared.domain.standings import ScopeKind, Standing, StandingKey
from shared.postgres.connection import Connection
from shared.postgres.statistics import standings as stored_standings
from tests.support.strategies import standings

players = (f"player {number}" for number in count())
"""Every example uses new players, so that all examples share one database."""

scopes = st.sampled_from([(ScopeKind.ALL, ""), (ScopeKind.CHALLENGE, "arena"), (ScopeKind.TAG, "it's \U0001f409")])
periods = st.sampled_from([(LIFETIME.text, LIFETIME_START), (DAILY.text, 20_000 * DAY)])
batches = st.lists(st.dictionaries(st.tuples(periods, scopes), standings, min_size=1, max_size=5), max_size=5)


@given(batches)
def test_merging_in_the_database_equals_merging_in_memory(
    either_connection: Connection, drawn: list[dict[tuple[tuple[str, int], tuple[ScopeKind, str]], Standing]]
) -> None:
    player = next(players)
    expected: dict[StandingKey, Standing] = {}
    for batch in drawn:
        added = {StandingKey(player, *period, *scope): standing for (period, scope), standing in batch.items()}
        for key, standing in added.items():
            expected.setdefault(key, Standing()).merge(deepcopy(standing))
        assert stored_standings.merge(either_connection, added) == {key: expected[key] for key in added}


@given(st.lists(st.tuples(st.sets(st.tuples(periods, scopes), min_size=1, max_size=5), standings), max_size=5))
def test_adding_the_same_to_each_equals_merging(
    either_connection: Connection, drawn: list[tuple[set[tuple[tuple[str, int], tuple[ScopeKind, str]]], Standing]]
) -> None:
    player = next(players)
    expected: dict[StandingKey, Standing] = {}
    for keys, standing in drawn:
        added = {StandingKey(player, *period, *scope): deepcopy(standing) for period, scope in keys}
        for key in added:
            expected.setdefault(key, Standing()).merge(deepcopy(standing))
        stored_standings.add(either_connection, added)
    assert stored_of(either_connection, expected) == expected


@given(batches)
def test_adding_to_several_players_adds_to_each(
    either_connection: Connection, drawn: list[dict[tuple[tuple[str, int], tuple[ScopeKind, str]], Standing]]
) -> None:
    added = {
        StandingKey(player, *period, *scope): standing
        for player, batch in zip(players, drawn, strict=False)
        for (period, scope), standing in batch.items()
    }
    if added:
        stored_standings.add(either_connection, added)
    assert stored_of(either_connection, added) == added


def stored_of(connection: Connection, keys: Iterable[StandingKey]) -> dict[StandingKey, Standing]:
    """Return what is stored: merging nothing changes nothing."""
    return stored_standings.merge(connection, {key: Standing() for key in keys})
