"""Tallies merge in the database as in memory."""

from __future__ import annotations

from copy import deepcopy
from itertools import count

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.goal import Stat
from shared.domain.tally import SUM_MAX, Tally, TallyKey
from shared.postgres.connection import Connection
from shared.postgres.events import tallies as stored_tallies
from tests.support.databases import connected
from tests.support.strategies import FIRST_DAY, KILLS, STATS, tallies

players = (f"player {number}" for number in count())
"""Every example uses new players, so that all examples share one database."""

batches = st.lists(
    st.dictionaries(st.tuples(st.integers(0, 1), st.sampled_from(STATS)), tallies, max_size=5), min_size=1, max_size=5
)


def stored(connection: Connection, key: TallyKey) -> Tally:
    """Return a stored tally with everything that it counts."""
    row = connection.execute(
        "SELECT sum, events, latest, latest_time, highest, days::text, day_count, sum_time, events_time, highest_time,"
        " lowest_opening"
        " FROM tally WHERE user_id = $1 AND source = $2 AND stat_code = $3",
        (key.user_id, key.stat.source, key.stat.code),
        binary=True,
    ).fetchone()
    assert row is not None
    total, count, latest, latest_time, highest, days, day_count, *times = row
    tally = Tally(total, count, latest, latest_time, highest, days_in(days), *times)
    assert day_count == len(tally.days)
    return tally


def days_in(multirange: str) -> set[int]:
    """Return the days of a literal such as `{[1,3),[7,8)}`."""
    ranges = multirange.strip("{}[)").split("),[") if multirange != "{}" else []
    bounds = [tuple(map(int, each.split(","))) for each in ranges]
    return {day for start, end in bounds for day in range(start, end)}


@given(batches)
def test_merging_in_the_database_equals_merging_in_memory(
    either_connection: Connection, drawn: list[dict[tuple[int, Stat], Tally]]
) -> None:
    names = [next(players), next(players)]
    expected: dict[TallyKey, Tally] = {}
    for batch in drawn:
        portions = {TallyKey(names[player], stat): tally for (player, stat), tally in batch.items()}
        if not portions:
            continue
        before = {key: deepcopy(expected.get(key, Tally())) for key in portions}
        for key, tally in portions.items():
            expected.setdefault(key, Tally()).merge(tally)
        merged = {TallyKey(row.user_id, row.stat): row for row in stored_tallies.merge(either_connection, portions)}
        assert merged.keys() == portions.keys()
        for key, row in merged.items():
            assert row.before == before[key].measures
            assert row.after == expected[key].measures
            if row.after.day_count > row.before.day_count:
                assert row.days_before == before[key].days
    for key, tally in expected.items():
        assert stored(either_connection, key) == tally


def test_sums_saturate_in_the_database(either_connection: Connection) -> None:
    key = TallyKey("player", KILLS)
    for _ in range(3):
        (merged,) = stored_tallies.merge(either_connection, {key: Tally(sum=SUM_MAX, events=1)})
        assert merged.after.sum == SUM_MAX
    assert merged.after.events == 3


def test_previous_days_are_returned_where_a_day_was_added(either_connection: Connection) -> None:
    key = TallyKey("player", KILLS)
    stored_tallies.merge(either_connection, {key: Tally(days={FIRST_DAY, FIRST_DAY + 1, FIRST_DAY + 3})})
    (repeated,) = stored_tallies.merge(either_connection, {key: Tally(days={FIRST_DAY + 1})})
    (added,) = stored_tallies.merge(either_connection, {key: Tally(days={FIRST_DAY + 2})})
    assert repeated.before.day_count == repeated.after.day_count == 3
    assert added.days_before == {FIRST_DAY, FIRST_DAY + 1, FIRST_DAY + 3}
    assert added.after.day_count == 4


@given(tallies)
def test_merging_nothing_changes_nothing(either_connection: Connection, tally: Tally) -> None:
    key = TallyKey(next(players), KILLS)
    stored_tallies.merge(either_connection, {key: tally})
    (merged,) = stored_tallies.merge(either_connection, {key: Tally()})
    assert merged.before == merged.after == tally.measures
    assert stored(either_connection, key) == tally


@pytest.mark.parametrize("is_there", [True, False], ids=["stored", "missing"])
def test_merging_nothing_locks_the_row(connection: Connection, database_url: str, is_there: bool) -> None:
    key = TallyKey("player", KILLS)
    if is_there:
        stored_tallies.merge(connection, {key: Tally(sum=1, events=1, days={FIRST_DAY})})
    with connected(database_url) as other:
        other.execute("SET lock_timeout = '50ms'")
        connection.execute("BEGIN")
        stored_tallies.merge(connection, {key: Tally()})
        with pytest.raises(psycopg.errors.LockNotAvailable):
            stored_tallies.merge(other, {key: Tally()})
        connection.execute("COMMIT")
        stored_tallies.merge(other, {key: Tally()})
