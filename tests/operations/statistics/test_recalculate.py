"""Standings are recalculated from completions, claims and adjustments, beside concurrent play."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from admin.__main__ import main
from shared.catalogue.loader import load
from shared.domain.events import Event
from shared.domain.instant import DAY, LIFETIME_START
from shared.domain.leaderboard import Leaderboard, LeaderboardMeasure
from shared.domain.recalculation import Drift
from shared.domain.schedules import LIFETIME, WEEKLY
from shared.domain.standings import EVERYTHING, ScopeKind, Standing, StandingKey
from shared.operations.catalogue.catalogue_record import record_catalogue
from shared.operations.rewards.claim import claim_reward
from shared.operations.statistics import recalculate as operations
from shared.operations.statistics.recalculate import recalculate, recalculate_all
from shared.postgres.database import Database
from shared.postgres.leaderboards import journal
from shared.postgres.statistics import histories
from tests.support.database_contents import contents
from tests.support.databases import connected, flushed, soon
from tests.support.goals import catalogue_of, goal
from tests.support.periods import period_of
from tests.support.services import ACTING
from tests.support.strategies import FIRST_DAY, KILLS

NOW = FIRST_DAY * DAY
WIN = replace(goal("win", target=1), points=10, tags=("pvp", "it's: {odd}\\"))
WEEKLY_POINTS = Leaderboard("week", "Week", "", LeaderboardMeasure.POINTS, EVERYTHING, WEEKLY)
CATALOGUE = replace(catalogue_of(WIN, replace(goal("more", target=5), points=90)), leaderboards=(WEEKLY_POINTS,))
ALL = StandingKey("player", LIFETIME.text, LIFETIME_START, ScopeKind.ALL, "")
WEEK = StandingKey("player", WEEKLY.text, period_of(WEEKLY, NOW).start, ScopeKind.ALL, "")


def kill(user_id: str = "player", delta: int = 1, number: int = 0) -> Event:
    return Event(f"kill {number}", user_id, NOW, KILLS, delta=delta)


def kept(database: Database, user_id: str = "player") -> dict[StandingKey, Standing]:
    found = database.autocommit(lambda connection: histories.read(connection, [user_id]), soon())
    return dict(found[user_id].standings)


def journalled(database: Database) -> list[list[str]]:
    entries = database.autocommit(lambda connection: journal.read(connection, 1_000), soon())
    return [list(entry.user_ids) for entry in entries]


@pytest.fixture
def played(database: Database) -> dict[StandingKey, Standing]:
    """Return the standings of a player who has won and claimed."""
    flushed(database, CATALOGUE, [kill()])
    claim_reward(database, CATALOGUE, "player", WIN, None, NOW + DAY, soon())
    return kept(database)


@pytest.mark.usefixtures("played")
def test_standings_without_drift_are_not_changed(database: Database, database_url: str) -> None:
    before = contents(database_url)
    assert recalculate(database, CATALOGUE, ["player", "nobody"], soon(), ACTING) == []
    assert contents(database_url) == before


@pytest.mark.parametrize(
    "spoil",
    [
        "UPDATE standing SET points = points + 1",
        "UPDATE standing SET completed = 0, points = -7, fastest = 1, version = version + 3",
        "UPDATE standing SET points_time = NULL WHERE scope = 'all'",
        "UPDATE standing SET version = 0, claimed = 5",
        "DELETE FROM standing",
        "DELETE FROM standing WHERE scope = 'all'",
        "INSERT INTO standing SELECT user_id, schedule, period_start, 'tag', 'never', 1, 1, 1, NULL, NULL, 1"
        " FROM standing WHERE scope = 'all' AND schedule = 'lifetime'",
    ],
)
def test_drifted_standings_are_rebuilt_with_a_newer_version(
    database: Database, database_url: str, played: dict[StandingKey, Standing], spoil: str
) -> None:
    with connected(database_url) as connection:
        connection.execute(spoil.encode())
    spoiled = kept(database)
    seen = recalculate(database, CATALOGUE, ["player"], soon())
    assert seen
    assert kept(database) == spoiled
    assert recalculate(database, CATALOGUE, ["player"], soon(), ACTING) == seen
    rebuilt = kept(database)
    for key in rebuilt.keys() | played.keys():
        expected = replace(played.get(key, Standing()), version=0)
        assert replace(rebuilt[key], version=0) == expected
    for drift in seen:
        assert rebuilt[drift.key].version > max(drift.stored.version, played.get(drift.key, Standing()).version)
    assert recalculate(database, CATALOGUE, ["player"], soon(), ACTING) == []


def test_rebuilt_standings_add_a_journal_entry(
    database: Database, database_url: str, played: dict[StandingKey, Standing]
) -> None:
    before = journalled(database)
    with connected(database_url) as connection:
        connection.execute("UPDATE standing SET completed = 5 WHERE scope = 'challenge'")
    recalculate(database, CATALOGUE, ["player"], soon(), ACTING)
    assert journalled(database) == before
    with connected(database_url) as connection:
        connection.execute("UPDATE standing SET points = 5 WHERE schedule = 'week/UTC'")
    [drift] = recalculate(database, CATALOGUE, ["player"], soon(), ACTING)
    assert drift == Drift(WEEK, replace(played[WEEK], points=5), played[WEEK])
    assert journalled(database) == [*before, ["player"]]


def test_completions_older_than_standings_are_included(database: Database, database_url: str) -> None:
    with connected(database_url) as connection:
        connection.execute(
            "INSERT INTO completion (user_id, goal_id, period_start, occurrence, claim_time, claim_number)"
            " VALUES ('player', 'win', timestamptz 'epoch', 1, timestamptz 'epoch', 1)"
        )
    recalculate(database, CATALOGUE, ["player"], soon(), ACTING)
    assert kept(database)[ALL] == Standing(1, 1, 0, None, None, 2)


def test_a_new_leaderboard_is_filled_and_a_removed_one_keeps_its_standings(database: Database) -> None:
    without = replace(CATALOGUE, leaderboards=())
    flushed(database, without, [kill()])
    assert WEEK not in kept(database)
    recalculate(database, CATALOGUE, ["player"], soon(), ACTING)
    assert kept(database)[WEEK].points == 10
    flushed(database, without, [kill(delta=4, number=1)])
    assert recalculate(database, without, ["player"], soon(), ACTING) == []
    assert kept(database)[WEEK].points == 10
    recalculate(database, CATALOGUE, ["player"], soon(), ACTING)
    assert kept(database)[WEEK].points == 100


def test_every_player_is_compared_once(database: Database, database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operations, "PAGE_PLAYERS", 4)
    players = [f"player '{number}'" for number in range(10)]
    flushed(database, CATALOGUE, [kill(player) for player in players[:-2]])
    with connected(database_url) as connection:
        # A player with only a completion, and one with only a standing.
        connection.execute(
            "INSERT INTO completion (user_id, goal_id, period_start, occurrence)"
            " VALUES ($1, 'win', timestamptz 'epoch', 1)",
            (players[-2],),
        )
        connection.execute(
            "INSERT INTO standing VALUES ($1, 'lifetime', timestamptz 'epoch', 'all', '', 1, 0, 0, NULL, NULL, 1)",
            (players[-1],),
        )
    pages = list(recalculate_all(database, CATALOGUE, ACTING))
    assert [page.players for page in pages] == [4, 4, 2]
    assert {drift.key.user_id for page in pages for drift in page.drifts} == set(players[-2:])
    assert not any(page.drifts for page in recalculate_all(database, CATALOGUE, ACTING))


@pytest.mark.usefixtures("played")
def test_the_command_reports_drift(
    database: Database,
    database_url: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("CATALOGUE", "catalogues/demo.yaml")
    record_catalogue(database, load(Path("catalogues/demo.yaml")), NOW, soon())
    monkeypatch.setenv("COLUMNS", "200")

    def command(*arguments: str) -> tuple[int, str]:
        status = main(["recalculate", *arguments])
        return status, capsys.readouterr().out

    with connected(database_url) as connection:
        connection.execute("UPDATE standing SET points = 1234567 WHERE schedule = 'lifetime' AND scope = 'tag'")
    status, said = command("player", "--dry-run")
    assert status == 1
    assert "tag it's: {odd}\\" in said
    assert "1,234,567" in said
    assert "2 standings had drifted, not rebuilt" in said
    status, said = command("--all")
    assert status == 0
    assert said.endswith("1 player checked, 2 standings had drifted, rebuilt\n")
    assert command("--all", "--dry-run") == (0, "1 player checked, 0 standings had drifted\n")
    for wrong in ([], ["player", "--all"]):
        with pytest.raises(SystemExit):
            main(["recalculate", *wrong])
