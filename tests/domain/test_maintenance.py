"""Maintenance that tables and indexes need."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from shared.domain.maintenance import Index, IndexWork, TableActivity, TableWork, index_work, table_work

NAMES = [f"index {number}" for number in range(6)]


@st.composite
def indexes(draw: st.DrawFn) -> list[Index]:
    names = draw(st.lists(st.sampled_from(NAMES), unique=True))
    definition = st.sampled_from(["on this", "on that"])
    return [Index(name, "table", draw(definition), draw(st.booleans()), draw(st.booleans())) for name in names]


@given(indexes(), indexes())
def test_index_work_turns_the_present_indexes_into_the_wanted_ones(wanted: list[Index], present: list[Index]) -> None:
    wanted = [index._replace(valid=True) for index in wanted]
    after = {index.name: index for index in present}
    by_name = {index.name: index for index in wanted}
    by_hand = set()
    for index, work in index_work(wanted, present):
        match work:
            case IndexWork.CREATE:
                assert index.name not in after
                after[index.name] = index
            case IndexWork.REBUILD:
                after[index.name] = index._replace(valid=True)
            case IndexWork.DROP:
                assert not after.pop(index.name).valid
            case IndexWork.BY_HAND:
                by_hand.add(index.name)
    for name in set(NAMES) - by_hand:
        there, asked = after.get(name), by_name.get(name)
        assert there is None or there.valid
        if asked is not None:
            assert there is not None
            assert there.definition == asked.definition
    working = {index for index in present if index.valid}
    assert working <= set(after.values()), "valid indexes are left alone"


@given(indexes())
def test_no_work_is_needed_when_all_wanted_indexes_are_valid(present: list[Index]) -> None:
    present = [index._replace(valid=True) for index in present]
    assert list(index_work(present, present)) == []


def table(**differing: Any) -> TableActivity:
    """Return a table of 100,000 rows without activity, changed by `differing`."""
    return TableActivity("table", 100_000, 0, 0, 0, analyzed=True)._replace(**differing)


def test_tables_need_work_in_proportion_to_their_activity() -> None:
    assert table_work([table()]) == {}
    assert table_work([table(dead_rows=1_999, changed_rows=1_999, added_rows=1_999)]) == {}
    assert table_work([table(dead_rows=2_000)]) == {"table": TableWork.VACUUM}
    assert table_work([table(added_rows=2_000)]) == {"table": TableWork.VACUUM}
    assert table_work([table(changed_rows=2_000)]) == {"table": TableWork.ANALYZE}
    assert table_work([table(analyzed=False)]) == {"table": TableWork.ANALYZE}
    assert table_work([table(live_rows=0, analyzed=False)]) == {}
    assert table_work([table(live_rows=10, dead_rows=999)]) == {}, "a table of a few pages"
