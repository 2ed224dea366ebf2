"""Operators adjust points once, with an audit entry, wherever points count."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from admin.__main__ import main
from shared.catalogue.loader import load
from shared.domain.events import Event
from shared.domain.goal import AMOUNT_MAX
from shared.domain.instant import DAY
from shared.domain.leaderboard import Leaderboard, LeaderboardMeasure
from shared.domain.schedules import WEEKLY
from shared.domain.standings import EVERYTHING
from shared.operations.catalogue.catalogue_record import record_catalogue
from shared.operations.goals.initialize import initialize_player
from shared.operations.goals.known_player import PlayerUnknown
from shared.operations.statistics.adjust_points import AdjustedPoints, adjust_points
from shared.operations.statistics.player_statistics import read_player_statistics
from shared.operations.statistics.recalculate import recalculate_all
from shared.postgres.database import Database
from shared.postgres.leaderboards import journal
from shared.postgres.statistics import adjustments
from shared.postgres.statistics.adjustments import NotedAdjustment
from tests.support.database_contents import contents
from tests.support.databases import flushed, soon
from tests.support.goals import catalogue_of, goal
from tests.support.services import ACTING
from tests.support.strategies import FIRST_DAY, KILLS

NOW = FIRST_DAY * DAY
WEEKLY_POINTS = Leaderboard("week", "Week", "", LeaderboardMeasure.POINTS, EVERYTHING, WEEKLY)
CATALOGUE = replace(catalogue_of(replace(goal(target=1), points=10)), leaderboards=(WEEKLY_POINTS,))


def adjust(database: Database, points: int, adjustment_id: UUID | None = None, *, dry: bool = False) -> AdjustedPoints:
    noted = NotedAdjustment(NOW, points, "ada", "a player wrote to us")
    return adjust_points(database, CATALOGUE, "player", adjustment_id or uuid4(), noted, soon(), dry=dry)


@pytest.fixture
def player(database: Database) -> str:
    """Return a player with 10 points."""
    flushed(database, CATALOGUE, [Event("kill", "player", NOW, KILLS, delta=1)])
    return "player"


def test_points_are_added_and_subtracted(database: Database, player: str) -> None:
    assert adjust(database, 5) == AdjustedPoints(10, 15)
    assert adjust(database, -40) == AdjustedPoints(15, -25)
    total = read_player_statistics(database, CATALOGUE, player, FIRST_DAY * DAY, soon()).standings[EVERYTHING]
    assert (total.completed, total.points) == (1, -25)
    noted = database.autocommit(lambda connection: adjustments.newest(connection, player, 10), soon())
    assert {each.points: (each.operator, each.reason) for each in noted} == {
        5: ("ada", "a player wrote to us"),
        -40: ("ada", "a player wrote to us"),
    }


def test_an_adjustment_adds_a_journal_entry(database: Database, player: str) -> None:
    before = database.autocommit(lambda connection: journal.read(connection, 10), soon())
    adjust(database, 5)
    after = database.autocommit(lambda connection: journal.read(connection, 10), soon())
    assert [entry.user_ids for entry in after[len(before) :]] == [[player]]


@pytest.mark.usefixtures("player")
def test_recalculation_includes_adjusted_points(database: Database) -> None:
    for points in (7, -3, AMOUNT_MAX, -AMOUNT_MAX):
        adjust(database, points)
    assert [page.drifts for page in recalculate_all(database, CATALOGUE, ACTING)] == [[]]


@pytest.mark.usefixtures("player")
def test_a_dry_run_stores_nothing(database: Database, database_url: str) -> None:
    before = contents(database_url)
    assert adjust(database, -3, dry=True) == AdjustedPoints(10, 7)
    assert contents(database_url) == before


def test_an_unknown_player_is_refused(database: Database, database_url: str) -> None:
    before = contents(database_url)
    with pytest.raises(PlayerUnknown):
        adjust(database, 5)
    assert contents(database_url) == before
    initialize_player(database, "player", None, NOW, soon())
    assert adjust(database, 5) == AdjustedPoints(0, 5)


def test_the_command_reports_the_adjustment(
    database: Database,
    database_url: str,
    player: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("CATALOGUE", "catalogues/demo.yaml")
    record_catalogue(database, load(Path("catalogues/demo.yaml")), NOW, soon())

    def admin(*arguments: str) -> tuple[int, str]:
        status = main(list(arguments))
        captured = capsys.readouterr()
        return status, captured.out + captured.err

    why = ("--reason", "[bold]cheated")
    assert admin("points", "adjust", player, "-1010", *why, "--dry-run") == (
        0,
        "player had 10 points, and would have -1,000 now\n",
    )
    assert admin("points", "adjust", player, "-1010", *why) == (0, "player had 10 points, and has -1,000 now\n")
    with pytest.raises(SystemExit, match="1"):
        main(["points", "adjust", "plaer", "+5", *why])
    assert capsys.readouterr() == ("", "nothing is stored of the player plaer\n")
    for wrong in ("0", "much", str(AMOUNT_MAX + 1)):
        with pytest.raises(SystemExit):
            main(["points", "adjust", player, wrong, *why])
    capsys.readouterr()
    shown = admin("stats", "show", player)[1]
    assert "-1,000" in shown
    assert "-1,010 ([bold]cheated)" in shown
