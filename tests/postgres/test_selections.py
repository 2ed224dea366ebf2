"""Stored selections, and the results of the requests that changed them."""

from __future__ import annotations

import threading

from shared.domain.instant import DAY
from shared.postgres.connection import Connection
from shared.postgres.goals import selections
from shared.postgres.goals.selections import SelectionKey, StoredSelection
from tests.support.databases import connected
from tests.support.strategies import FIRST_DAY
from tests.support.waiting import wait_until

NOW = FIRST_DAY * DAY
KEY = SelectionKey('player "1", \\', "arena", NOW)
KEPT = 16
UNNAMED_KEPT = 4


def test_a_selection_that_is_locked_for_the_first_time_is_empty(either_connection: Connection) -> None:
    assert selections.lock(either_connection, KEY, "request", NOW)() == StoredSelection(None, 0, None)
    assert selections.lock(either_connection, KEY, None, NOW + 1)() == StoredSelection(None, 0, None)


def test_a_selection_is_read_as_it_was_stored(either_connection: Connection) -> None:
    selections.lock(either_connection, KEY, "request", NOW)
    goal_ids = ("win", 'quoted "goal"', "back\\slash", "null", "\U0001f381")
    selections.store(either_connection, KEY, "request", b'{"\0": 1}', goal_ids=goal_ids, rerolls=2)
    assert selections.lock(either_connection, KEY, "request", NOW)() == StoredSelection(goal_ids, 2, b'{"\0": 1}')
    assert selections.find_result(either_connection, KEY, "request") == b'{"\0": 1}'


def test_results_belong_to_one_player_challenge_and_period(either_connection: Connection) -> None:
    selections.lock(either_connection, KEY, "request", NOW)
    selections.store(either_connection, KEY, "request", b"result")
    for other in (KEY._replace(user_id="other"), KEY._replace(challenge_id="other"), SelectionKey(*KEY[:2])):
        assert selections.find_result(either_connection, other, "request") is None
        assert selections.lock(either_connection, other, "request", NOW)().result is None
    assert selections.find_result(either_connection, KEY, "other") is None


def test_the_latest_requests_are_kept(either_connection: Connection) -> None:
    for number in range(KEPT + 4):
        selections.lock(either_connection, KEY, f"{number}", NOW)
        selections.store(either_connection, KEY, f"{number}", b"%d" % number)
    found = [selections.lock(either_connection, KEY, f"{number}", NOW)().result for number in range(KEPT + 4)]
    assert found == [None] * 4 + [b"%d" % number for number in range(4, KEPT + 4)]


def test_calls_without_a_request_id_push_out_none_with_one(either_connection: Connection) -> None:
    for number in range(KEPT):
        selections.lock(either_connection, KEY, f"{number}", NOW)
        selections.store(either_connection, KEY, f"{number}", b"%d" % number)
        for call in range(UNNAMED_KEPT):
            selections.store_unnamed(either_connection, KEY, number * UNNAMED_KEPT + call, goal_ids=["win"], rerolls=2)
    for number in range(KEPT):
        stored = selections.lock(either_connection, KEY, f"{number}", NOW)()
        assert stored == StoredSelection(("win",), 2, b"%d" % number)
    calls = range(KEPT * UNNAMED_KEPT)
    assert [call for call in calls if selections.has_unnamed(either_connection, KEY, call)] == list(calls)[
        -UNNAMED_KEPT:
    ]
    assert not selections.has_unnamed(either_connection, KEY._replace(user_id="other"), calls[-1])


def test_a_locked_selection_makes_others_wait(database_url: str) -> None:
    with connected(database_url) as first, connected(database_url) as second, connected(database_url) as observer:
        first.execute("BEGIN")
        selections.lock(first, KEY, None, NOW)
        first.execute_deferred()
        waiting = threading.Thread(target=selections.lock, args=(second, KEY, None, NOW))
        waiting.start()
        try:
            wait_until(lambda: waits_for_a_lock(observer, second))
        finally:
            first.execute("COMMIT")
            waiting.join()


def waits_for_a_lock(observer: Connection, connection: Connection) -> bool:
    """Return whether the connection is blocked by another one."""
    row = observer.execute(
        "SELECT wait_event_type = 'Lock' FROM pg_stat_activity WHERE pid = $1", (connection.info.backend_pid,)
    ).fetchone()
    return row is not None and bool(row[0])


def test_only_past_periods_of_the_named_challenges_are_pruned(either_connection: Connection) -> None:
    keys = [
        SelectionKey(user_id, challenge_id, start)
        for user_id in ("a", "b", "c")
        for challenge_id in ("arena", "career")
        for start in (0, NOW - DAY, NOW)
    ]
    for key in keys:
        selections.lock(either_connection, key, None, NOW)
    selections.prune(either_connection, "a", "b", {"arena": NOW})
    rows = either_connection.execute(
        "SELECT user_id, challenge_id, microseconds(period_start) FROM selection ORDER BY 1, 2, 3"
    ).fetchall()
    assert [SelectionKey(*row) for row in rows] == [key for key in keys if key != ("b", "arena", NOW - DAY)]
