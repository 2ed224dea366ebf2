"""Completions in columns are the same mapping."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from shared.domain.completion_columns import Completion, CompletionColumns

completions = st.dictionaries(
    st.text(max_size=3),
    st.builds(Completion, st.none() | st.integers(0), st.none() | st.integers(0), st.none() | st.integers(1, 7)),
)


@given(completions)
def test_columns_are_the_mapping_that_they_were_made_from(stored: dict[str, Completion]) -> None:
    columns = CompletionColumns.of(stored)
    assert columns == stored
    assert list(columns) == list(stored)
    assert len(columns) == len(stored)
    assert all(goal_id in columns and columns.get(goal_id) == stored[goal_id] for goal_id in stored)
    assert "absent" not in columns
    assert columns.get("absent") is None
    assert CompletionColumns.of(columns) is columns


@given(completions, completions)
def test_columns_are_joined_like_mappings(one: dict[str, Completion], other: dict[str, Completion]) -> None:
    other = {goal_id: completion for goal_id, completion in other.items() if goal_id not in one}
    joined = CompletionColumns.of(one).with_others(CompletionColumns.of(other))
    assert joined == {**one, **other}
    assert len(joined) == len(one) + len(other)


@given(st.dictionaries(st.text(max_size=3), st.none() | st.integers(0)), completions)
def test_empty_columns_stand_for_nothing_claimed(times: dict[str, int | None], other: dict[str, Completion]) -> None:
    columns = CompletionColumns(tuple(times), tuple(times.values()), (), ())
    assert columns == {goal_id: Completion(time) for goal_id, time in times.items()}
    other = {goal_id: completion for goal_id, completion in other.items() if goal_id not in times}
    assert columns.with_others(CompletionColumns.of(other)) == {**columns, **other}
