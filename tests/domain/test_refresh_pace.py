"""The pace of ranking refreshes: none while nothing changes, and a bounded share of the time."""

from __future__ import annotations

import pytest

from shared.domain.instant import SECOND
from shared.domain.refresh_pace import CHANGES_ENOUGH, PATIENCE, REST_FACTOR, Content, Refresh, is_due

BEGUN = 1_000 * SECOND
LAST = Refresh(BEGUN, Content(500, "boards"), SECOND // 10)
LONG = Refresh(BEGUN, Content(500, "boards"), 60 * SECOND)


def test_the_first_refresh_is_due_at_once() -> None:
    assert is_due(BEGUN, Content(0, ""), None)


@pytest.mark.parametrize("age", [0, PATIENCE, 10_000 * PATIENCE])
def test_no_refresh_is_due_while_nothing_changes(age: int) -> None:
    assert not is_due(BEGUN + age, LAST.content, LAST)


@pytest.mark.parametrize(
    ("changes", "age"),
    [(500 + CHANGES_ENOUGH, REST_FACTOR * LAST.duration), (501, PATIENCE), (0, PATIENCE)],
    ids=["many", "few for a while", "counter restarted after a crash"],
)
def test_many_changes_make_a_refresh_due_soon_and_few_after_a_delay(changes: int, age: int) -> None:
    content = Content(changes, "boards")
    assert is_due(BEGUN + age, content, LAST)
    assert not is_due(BEGUN + age - 1, content, LAST)


def test_added_or_removed_leaderboards_make_a_refresh_due_soon() -> None:
    assert is_due(BEGUN + REST_FACTOR * LAST.duration, Content(500, "other boards"), LAST)


@pytest.mark.parametrize("content", [Content(10**9, "boards"), Content(500, "other boards")])
def test_refreshes_take_a_bounded_share_of_the_time(content: Content) -> None:
    assert not is_due(BEGUN + REST_FACTOR * LONG.duration - 1, content, LONG)
    assert is_due(BEGUN + REST_FACTOR * LONG.duration, content, LONG)
