"""The leaderboards of a catalogue in use are recorded with their periods and keep their identity."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from shared.catalogue.problem import CatalogueInvalid
from shared.domain.catalogue import Catalogue
from shared.domain.goal import LOGIN
from shared.domain.instant import DAY
from shared.domain.leaderboard import Leaderboard, LeaderboardMeasure
from shared.domain.schedules import DAILY, MONTHLY, WEEKLY
from shared.domain.standings import Scope, ScopeKind
from shared.operations.catalogue.catalogue_record import conflicts_with_record, record_catalogue
from shared.postgres.database import Database
from tests.support.databases import opened, soon
from tests.support.leaderboards import board, catalogue_with
from tests.support.services import NOW, rows
from tests.support.strategies import KILLS, QUOTED

POINTS = board("points")
PVP = board("pvp", ranked=Scope(ScopeKind.TAG, "p'v\"p"), schedule=WEEKLY)
LOGINS = board("logins", LeaderboardMeasure.DAYS, LOGIN, MONTHLY, ascending=True)
QUOTES = board("quotes", LeaderboardMeasure.HIGHEST, QUOTED, DAILY)
CHANGED = {
    "count": board("points", LeaderboardMeasure.SUM, KILLS),
    "over": board("points", ranked=Scope(ScopeKind.CHALLENGE, "arena")),
    "period": board("points", schedule=DAILY),
    "order": board("points", ascending=True),
}


def periods(database_url: str) -> list[tuple[str, str, str | None]]:
    query = "SELECT board_id, period_start::text, period_end::text FROM leaderboard_period ORDER BY 1, 2"
    return [(board_id, start[:10], end and end[:10]) for board_id, start, end in rows(database_url, query)]


def test_leaderboards_are_recorded_with_their_current_and_next_periods(database: Database, database_url: str) -> None:
    catalogue = catalogue_with(QUOTES, LOGINS, PVP, POINTS)
    record_catalogue(database, catalogue, NOW, soon())
    record_catalogue(database, catalogue, NOW + 1, soon())
    stored = "SELECT board_id, measure, scope, scope_id, source, stat_code, schedule, ascending FROM leaderboard"
    assert sorted(rows(database_url, stored)) == [
        ("logins", "days", None, None, "login", "", "month/UTC", True),
        ("points", "points", "all", "", None, None, "lifetime", False),
        ("pvp", "points", "tag", "p'v\"p", None, None, "week/UTC", False),
        ("quotes", "highest", None, None, "stat", QUOTED.code, "day/UTC", False),
    ]
    assert periods(database_url) == [
        ("logins", "2024-02-01", "2024-03-01"),
        ("logins", "2024-03-01", "2024-04-01"),
        ("points", "1970-01-01", None),
        ("pvp", "2024-02-26", "2024-03-04"),
        ("pvp", "2024-03-04", "2024-03-11"),
        ("quotes", "2024-02-29", "2024-03-01"),
        ("quotes", "2024-03-01", "2024-03-02"),
    ]


@pytest.mark.parametrize("trait", CHANGED)
def test_a_leaderboard_that_would_rank_something_else_is_refused(
    database: Database, database_url: str, trait: str
) -> None:
    record_catalogue(database, catalogue_with(POINTS), NOW, soon())
    wrong = catalogue_with(board("new"), CHANGED[trait])
    problems = conflicts_with_record(database, wrong, NOW, soon())
    assert {problem.path for problem in problems} == {"leaderboard 'points'"}
    assert trait in {problem.message.partition(" changes from ")[0] for problem in problems}
    with pytest.raises(CatalogueInvalid) as refused:
        record_catalogue(database, wrong, NOW + DAY, soon())
    assert list(refused.value.problems) == problems
    assert rows(database_url, "SELECT board_id FROM leaderboard") == [("points",)]
    assert periods(database_url) == [("points", "1970-01-01", None)]


def test_a_removed_leaderboard_keeps_its_identity(database: Database) -> None:
    record_catalogue(database, catalogue_with(POINTS), NOW, soon())
    record_catalogue(database, catalogue_with(version="without"), NOW, soon())
    assert conflicts_with_record(database, catalogue_with(CHANGED["order"]), NOW, soon()) != []
    assert conflicts_with_record(database, catalogue_with(board("points", shared_ranks=False)), NOW, soon()) == []


def test_the_first_of_processes_that_define_a_leaderboard_differently_runs(database_url: str) -> None:
    many = [board(f"board {number}") for number in range(50)]

    def start(boards: Sequence[Leaderboard]) -> bool:
        catalogue: Catalogue = catalogue_with(*boards)
        with opened(database_url, pool_size=1) as one:
            try:
                record_catalogue(one, catalogue, NOW, soon())
            except CatalogueInvalid:
                return False
            return True

    starting = [(*many, POINTS), (CHANGED["order"], *reversed(many))] * 4
    with ThreadPoolExecutor(len(starting)) as processes:
        runs = list(processes.map(start, starting))
    assert set(runs[::2]) | set(runs[1::2]) == {True, False}
    assert len(set(runs[::2])) == len(set(runs[1::2])) == 1
