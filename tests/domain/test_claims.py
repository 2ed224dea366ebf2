"""Claimable goals, and the ids of their grants."""

from __future__ import annotations

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.claims import check_claimable, grant_id
from shared.domain.errors import AlreadyClaimed, ChallengeError, GoalInactive, GoalLocked, GoalNotCompleted
from shared.domain.events import CompletionKey
from shared.domain.progress import GoalState, GoalStatus

# Characters that would make composite keys ambiguous if their parts were joined by one.
tricky = st.text(st.sampled_from("a1:\",'\\[] \U0001f409"), min_size=1, max_size=6)
numbers = st.integers(0, 2)
keys = st.tuples(st.builds(CompletionKey, tricky, tricky, numbers, numbers), numbers)


@given(keys, keys)
def test_grant_ids_are_equal_if_and_only_if_the_grants_are(
    one: tuple[CompletionKey, int], other: tuple[CompletionKey, int]
) -> None:
    assert (grant_id(*one) == grant_id(*other)) == (one == other)


def test_grant_ids_do_not_depend_on_where_key_parts_are_joined() -> None:
    ids = {
        grant_id(CompletionKey("a:b", "c", 0, 1), 1),
        grant_id(CompletionKey("a", "b:c", 0, 1), 1),
        grant_id(CompletionKey('a", "b', "c", 0, 1), 1),
        grant_id(CompletionKey("a", 'b", "c', 0, 1), 1),
        grant_id(CompletionKey("a", "b", 0, 11), 1),
        grant_id(CompletionKey("a", "b", 0, 1), 11),
    }
    assert len(ids) == 6


def test_grant_ids_are_stable_across_releases() -> None:
    # A delivery repeated after an upgrade must use the same idempotency key.
    assert grant_id(CompletionKey("player", "goal", 0, 1), 1) == "efcf1d30-892d-5ff5-a81f-5ec9865c6868"
    assert UUID(grant_id(CompletionKey("player", "goal", 0, 1), 1)).version == 5


@pytest.mark.parametrize("state", GoalState)
@pytest.mark.parametrize("active", [True, False])
@pytest.mark.parametrize("locked", [True, False])
def test_only_a_completed_active_unlocked_goal_can_be_claimed(state: GoalState, active: bool, locked: bool) -> None:
    expected: type[ChallengeError] | None = None
    if state is GoalState.CLAIMED:
        expected = AlreadyClaimed
    elif not active:
        expected = GoalInactive
    elif state is not GoalState.COMPLETED:
        expected = GoalNotCompleted
    elif locked:
        expected = GoalLocked
    status = GoalStatus(active, locked, state, 1, None, None, None)
    if expected is None:
        check_claimable(status)
    else:
        with pytest.raises(expected):
            check_claimable(status)
