"""Compatibility of catalogues, and the summary of changes."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.catalogue.compatibility import changes, incompatibilities
from shared.catalogue.problem import Problem
from shared.domain.instant import to_instant

from .documents import Mapping, document, documents, goal, loaded, neighbours

NOW = to_instant(datetime.fromisoformat("2026-12-05T12:00:00Z"))


def compared(old: Mapping, new: Mapping) -> tuple[list[Problem], list[str]]:
    before, after = loaded(old), loaded(new)
    return incompatibilities(before, after, NOW), changes(before, after)


@pytest.mark.parametrize(
    ("old", "new", "change"),
    [
        ({}, {"stat": "losses"}, "stat changes from 'wins' to 'losses'"),
        ({}, {"count": "highest"}, "count changes from sum to highest"),
        ({"repeat": 2}, {"repeat": 2, "target": 5}, "count changes from sum, repeats at 3 to sum, repeats at 5"),
        ({}, {"repeat": 2}, "count changes from sum to sum, repeats at 3"),
        ({"count": "days"}, {"source": "login", "stat": None, "count": "days"}, "source changes from stat to login"),
    ],
)
def test_source_stat_and_count_of_a_goal_are_permanent(old: Mapping, new: Mapping, change: str) -> None:
    problems, _ = compared(document(goal(**old)), document(goal(**new)))
    assert problems[0] == Problem("goal 'win'", f"{change}: a goal id is permanent, give the changed goal a new id")


def test_every_change_of_identity_is_reported() -> None:
    old = document(goal("win"), goal("lose"))
    new = document(goal("lose", stat="losses", count="latest"), goal("win", count="events"))
    problems, _ = compared(old, new)
    assert [(problem.path, problem.message.split()[0]) for problem in problems] == [
        ("goal 'lose'", "stat"),
        ("goal 'lose'", "count"),
        ("goal 'win'", "count"),
    ]


@pytest.mark.parametrize(
    ("differing", "change"),
    [
        ({"target": 5_000}, "target changes from 3 to 5,000"),
        ({"hidden": True}, "hidden changes from false to true"),
        ({"meta": {"icon": "a.png"}}, "meta changes from none to 'icon': 'a.png'"),
        ({"name": "Gewinne"}, "name changes from 'Win' to 'Gewinne'"),
        ({"description": "Win!"}, "description changes"),
        (
            {"reward": {"type": "ITEM", "id": "BOX", "quantity": 1}},
            "reward changes from WALLET 'GEMS' x 10 to ITEM 'BOX' x 1",
        ),
        ({"default_assigned": True}, "default_assigned changes from false to true"),
        ({"requires": ["lose"]}, "requires changes from none to 'lose'"),
    ],
)
def test_everything_else_of_a_goal_may_change(differing: dict[str, Any], change: str) -> None:
    assert compared(document(goal(), goal("lose")), document(goal(**differing), goal("lose"))) == (
        [],
        [f"goal 'win': {change}"],
    )


def test_goals_may_be_added_removed_and_moved() -> None:
    old = {
        "challenges": [
            {"id": "arena", "name": "Arena", "goals": [goal("win"), goal("lose")]},
            {"id": "league", "name": "League", "goals": [goal("climb")]},
        ]
    }
    new = {
        "challenges": [
            {"id": "cup", "name": "Cup", "goals": [goal("reach-final")]},
            {"id": "arena", "name": "The Arena", "description": "Big", "goals": [goal("climb"), goal("win")]},
        ]
    }
    assert compared(old, new) == (
        [],
        [
            "challenge 'league' is removed",
            "challenge 'cup' is added",
            "challenge 'arena': name changes from 'Arena' to 'The Arena'",
            "challenge 'arena': description changes",
            "goal 'lose' is removed from challenge 'arena'",
            "goal 'reach-final' is added to challenge 'cup'",
            "goal 'climb' moves from challenge 'league' to 'arena'",
        ],
    )


BOARD: Mapping = {"id": "best", "name": "Best", "over": "stat", "stat": "wins", "count": "sum"}


@pytest.mark.parametrize(
    ("differing", "change"),
    [
        ({"count": "highest"}, "count changes from sum to highest"),
        ({"stat": "losses"}, "over changes from stat wins to stat losses"),
        ({"period": "week"}, "period changes from lifetime to week/UTC"),
        ({"order": "ascending"}, "order changes from descending to ascending"),
    ],
)
def test_the_measure_of_a_leaderboard_is_permanent(differing: Mapping, change: str) -> None:
    problems, _ = compared(document(goal(), leaderboards=[BOARD]), document(goal(), leaderboards=[BOARD | differing]))
    message = f"{change}: a leaderboard id is permanent, give the changed leaderboard a new id"
    assert problems == [Problem("leaderboard 'best'", message)]


@pytest.mark.parametrize("differing", [{"name": "Bester"}, {"description": "?"}, {"ranks": "strict"}])
def test_everything_else_of_a_leaderboard_may_change(differing: Mapping) -> None:
    old, new = document(goal(), leaderboards=[BOARD]), document(goal(), leaderboards=[BOARD | differing])
    problems, told = compared(old, new)
    assert (problems, len(told)) == ([], 1)


def test_changes_of_what_is_tallied_are_reported() -> None:
    old = document(goal("win"), goal("lose", stat="losses"), stats=["draws"])
    new = document(goal("win"), goal("win-daily", count="days"), stats=["kicks"])
    _, told = compared(old, new)
    assert told[-6:] == [
        "stat 'draws' is no longer declared under stats",
        "stat 'kicks' is declared under stats",
        "events of stat 'kicks' are tallied from now on",
        "events of stat 'draws' are no longer tallied: nothing is recorded of them",
        "events of stat 'losses' are no longer tallied: nothing is recorded of them",
        "events of stat 'wins' are counted by day from now on: earlier days are not known",
    ]


@given(neighbours() | st.tuples(documents(), documents()))
def test_there_are_changes_if_and_only_if_the_versions_differ(pair: tuple[Mapping, Mapping]) -> None:
    old, new = map(loaded, pair)
    assert bool(changes(old, new)) == (old.version != new.version)
    assert changes(old, old) == []


@given(neighbours() | st.tuples(documents(), documents()))
def test_incompatibility_is_symmetric(pair: tuple[Mapping, Mapping]) -> None:
    old, new = map(loaded, pair)
    there, back = incompatibilities(old, new, NOW), incompatibilities(new, old, NOW)
    assert sorted(problem.path for problem in there) == sorted(problem.path for problem in back)


def with_times(*schedules: Mapping, seasons: tuple[Mapping, ...] = (), **differing: Any) -> Mapping:
    return document(goal(**differing), schedules=list(schedules), seasons=list(seasons))


def run(starts: str, ends: str) -> Mapping:
    return {"id": "winter", "starts": f"{starts}T00:00:00Z", "ends": f"{ends}T00:00:00Z"}


def test_the_schedule_of_a_goal_is_permanent() -> None:
    daily = with_times({"id": "daily", "every": "day"}, schedule="daily")
    moved = with_times({"id": "daily", "every": "day", "at": "05:00"}, schedule="daily")
    problems, _ = compared(daily, moved)
    assert [problem.message.partition(":")[0] for problem in problems] == ["schedule changes from day/UTC to day@05"]


def test_a_schedule_may_get_another_id_and_claim_grace() -> None:
    daily = with_times({"id": "daily", "every": "day"}, schedule="daily")
    renamed = with_times({"id": "each-day", "every": "day"}, schedule="each-day")
    longer = with_times({"id": "daily", "every": "day", "claim_grace": {"days": 10}}, schedule="daily")
    assert compared(daily, renamed) == ([], ["schedule 'daily' is removed", "schedule 'each-day' is added"])
    assert compared(daily, longer) == ([], ["schedule 'daily': claim_grace changes from 7 to 10 days"])


def test_suspending_is_a_change() -> None:
    content = document(goal())
    suspended = {"challenges": [{**content["challenges"][0], "suspended": True}]}
    assert compared(content, suspended) == ([], ["goal 'win': suspended changes from false to true"])


def test_a_goal_may_be_claimed_automatically_from_now_on() -> None:
    automatic = document(goal(claim="auto"))
    assert compared(document(goal()), automatic) == ([], ["goal 'win': claim changes from manual to auto"])


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        (run("2026-12-01", "2026-12-09"), run("2026-12-01", "2026-12-20"), None),
        (run("2026-12-10", "2026-12-19"), run("2026-12-12", "2026-12-20"), None),
        (
            run("2026-12-01", "2026-12-09"),
            run("2026-12-02", "2026-12-09"),
            "is missing, but it has begun: its start is permanent",
        ),
        (
            run("2026-12-01", "2026-12-09"),
            run("2026-12-01", "2026-12-05"),
            "cannot end at 2026-12-05T00:00:00Z: the new end must be an hour ahead",
        ),
        (
            run("2026-12-01", "2026-12-05"),
            run("2026-12-01", "2026-12-09"),
            "ends at 2026-12-05T00:00:00Z: that cannot change any more",
        ),
    ],
)
def test_only_what_is_ahead_of_a_season_may_change(old: Mapping, new: Mapping, problem: str | None) -> None:
    problems, summary = compared(with_times(seasons=(old,)), with_times(seasons=(new,)))
    assert summary
    expected = f"the run that starts at 2026-12-01T00:00:00Z {problem}"
    assert problems == ([] if problem is None else [Problem("season 'winter'", expected)])


def test_a_season_returns_by_another_run() -> None:
    first, second = run("2025-12-01", "2025-12-24"), run("2026-12-10", "2026-12-24")
    assert compared(with_times(seasons=(first,)), with_times(seasons=(second, first))) == (
        [],
        ["season 'winter': the run that starts at 2026-12-10T00:00:00Z is added"],
    )
