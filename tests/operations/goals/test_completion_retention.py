"""Completions that are carried forward count everywhere as before, and nothing that may still change is carried."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.domain.carried_sums import OldCompletion
from shared.domain.catalogue import Catalogue
from shared.domain.current_periods import current_periods
from shared.domain.events import CompletionKey, Event
from shared.domain.instant import DAY, LIFETIME_START, Instant
from shared.domain.leaderboard import LeaderboardMeasure
from shared.domain.schedules import DAILY, MONTHLY, WEEKLY
from shared.domain.standings import ScopeKind, StandingKey
from shared.operations.events.prune_tallies import TallyPruning
from shared.operations.goals import retain_completions
from shared.operations.goals.view_player import view_player
from shared.operations.rewards import grant_admin
from shared.operations.statistics.challenge_reports import read_challenge_reports
from shared.operations.statistics.player_statistics import player_trend, read_player_statistics
from shared.operations.statistics.recalculate import recalculate, recalculate_all
from shared.postgres.connection import Connection
from shared.postgres.database import Database
from shared.postgres.goals import completion_retention
from shared.postgres.statistics import histories
from tests.operations.statistics.test_challenge_counts import do
from tests.operations.stories import PLAYERS, Story, stories
from tests.operations.system import System
from tests.support.completion_retention import (
    CATALOGUE,
    LATER,
    NOW,
    RETENTION,
    completed,
    lock_old,
    play,
    retention,
)
from tests.support.counting import count_challenges, forget_counts
from tests.support.databases import connected, flushed, soon
from tests.support.goals import CHALLENGE_ID, catalogue_of, goal
from tests.support.leaderboards import board
from tests.support.periods import period_of
from tests.support.services import ACTING
from tests.support.strategies import DAYS, FIRST_DAY, KILLS
from tests.support.table_locks import locked_tables


class Seen(NamedTuple):
    """Everything that is computed from completions and standings."""

    drifts: list[Any]
    standings: dict[StandingKey, Any]
    statistics: list[Any]
    trends: list[Any]
    reports: list[Any]
    ever: list[Any]


def seen(database: Database, catalogue: Catalogue, players: list[str], now: Instant) -> Seen:
    def read_standings() -> dict[StandingKey, Any]:
        found = database.autocommit(lambda connection: histories.read(connection, players), soon())
        return {
            key: replace(standing, version=0)
            for history in found.values()
            for key, standing in history.standings.items()
        }

    forget_counts(database)
    assert count_challenges(database, catalogue, now)
    return Seen(
        recalculate(database, catalogue, players, soon()),
        read_standings(),
        [read_player_statistics(database, catalogue, player, now, soon()) for player in players],
        [player_trend(database, player, FIRST_DAY, FIRST_DAY + DAYS, soon()) for player in players],
        list(read_challenge_reports(database, list(catalogue.challenge_by_id), soon())),
        [view_player(database, player, soon(), current_periods(catalogue, now)).ever for player in players],
    )


def clear(database: Database) -> None:
    database.autocommit(
        lambda connection: connection.run_script(
            b"TRUNCATE tally, assignment, completion, standing, reward_outbox,"
            b" carried_completion, started_challenge, points_adjustment"
        ),
        soon(),
    )


@settings(max_examples=15)
@given(stories(), st.sampled_from(["GRANTED", "DEAD", None]))
def test_everything_adds_up_as_before(two_connections: Database, story: Story, state: str | None) -> None:
    catalogue, steps = story
    clear(two_connections)
    system = System(two_connections, catalogue)
    for step in steps:
        do(system, step)
    if state is not None:
        two_connections.autocommit(
            lambda connection: connection.execute(
                "UPDATE reward_outbox SET state = $1 WHERE state = 'PENDING'", (state,)
            ),
            soon(),
        )
    players = [system.prefix + player for player in PLAYERS]
    before = seen(two_connections, catalogue, players, LATER)
    TallyPruning(two_connections, lambda _: False).one_pass(catalogue, 3 * DAY, LATER)
    assert seen(two_connections, catalogue, players, LATER) == before
    retention(two_connections).one_pass(catalogue, LATER)
    assert seen(two_connections, catalogue, players, LATER) == before
    assert retention(two_connections).one_pass(catalogue, LATER) == 0
    report = grant_admin.report(two_connections, soon())
    assert report.agrees
    # Standings of the lifetime that have drifted are restored from what was carried forward.
    two_connections.autocommit(
        lambda connection: connection.run_script(
            b"UPDATE standing SET completed = completed + 1, points = -3, fastest = 1, claimed = 7"
            b" WHERE schedule = 'lifetime'"
        ),
        soon(),
    )
    for page in recalculate_all(two_connections, catalogue, ACTING):
        assert page.players
    # Rebuilt standings have newer versions, which statistics have with them.
    restored = seen(two_connections, catalogue, players, LATER)
    assert restored._replace(statistics=[]) == before._replace(statistics=[])


def test_only_completions_of_periods_before_the_month_are_carried_forward(
    database: Database, database_url: str
) -> None:
    play(database)
    kept = completed(database_url)
    month = period_of(MONTHLY, NOW).start
    following = period_of(MONTHLY, NOW + 31 * DAY).start
    assert retention(database).one_pass(CATALOGUE, month + RETENTION) == 0
    assert retention(database).one_pass(CATALOGUE, following + RETENTION - 1) == 0
    assert completed(database_url) == kept
    assert retention(database).one_pass(CATALOGUE, following + 31 * DAY + RETENTION) == len(kept) - 1
    assert completed(database_url) == [("ever", 0)]


def test_a_completion_of_an_open_ranking_of_points_is_kept(database: Database, database_url: str) -> None:
    ranked = replace(CATALOGUE, leaderboards=(board("points", LeaderboardMeasure.POINTS, schedule=WEEKLY),))
    flushed(database, ranked, [Event("kill", "player", NOW, KILLS, delta=1)])
    with connected(database_url) as connection:
        connection.execute(
            "INSERT INTO leaderboard VALUES ('points', 'points', 'all', '', NULL, NULL, 'week/UTC', false)"
        )
        connection.execute(
            "INSERT INTO leaderboard_period SELECT 'points', instant($1), instant($1 + $2)",
            (period_of(WEEKLY, NOW).start, 7 * DAY),
        )
    assert retention(database).one_pass(ranked, LATER) == 0
    with connected(database_url) as connection:
        connection.execute("UPDATE leaderboard_period SET final_time = period_end, players = 1")
    assert retention(database).one_pass(ranked, LATER) == 2


def test_a_goal_stays_completed_ever(database: Database) -> None:
    play(database)
    retention(database).one_pass(CATALOGUE, LATER)
    assert view_player(database, "player", soon(), current_periods(CATALOGUE, LATER)).ever == {"daily"}


def test_a_player_who_only_started_stays_counted(database: Database) -> None:
    catalogue = catalogue_of(goal("many", target=100, schedule=DAILY))
    flushed(database, catalogue, [Event("kill", player, NOW, KILLS, delta=1) for player in ("ann", "bob")])
    assert TallyPruning(database, lambda _: False).one_pass(catalogue, 3 * DAY, LATER) == 2
    assert count_challenges(database, catalogue, LATER)
    [report] = read_challenge_reports(database, [CHALLENGE_ID], soon())
    assert report.started == 2


def test_standings_of_closed_days_stay_as_they_are(database: Database, database_url: str) -> None:
    play(database)
    retention(database).one_pass(CATALOGUE, LATER)
    day = StandingKey("player", DAILY.text, NOW, ScopeKind.ALL, "")
    with connected(database_url) as connection:
        connection.execute("UPDATE standing SET points = 77 WHERE schedule = 'day/UTC'")
    assert recalculate(database, CATALOGUE, ["player"], soon(), ACTING) == []
    history = database.autocommit(lambda connection: histories.read(connection, ["player"]), soon())["player"]
    assert history.is_closed(day)
    assert history.standings[day].points == 77
    assert not history.is_closed(day._replace(schedule="lifetime", period_start=LIFETIME_START))


def test_two_duties_and_steps_that_fail_carry_everything_once(
    database: Database, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retain_completions, "STEP_COMPLETIONS", 4)
    players = tuple(f"player {number}" for number in range(6))
    play(database, players, days=5)
    before = seen(database, CATALOGUE, list(players), LATER)
    stored = len(completed(database_url)) - len(players)
    by_other: list[int] = []
    stopped = 0

    def rest(_: float) -> bool:
        nonlocal stopped
        stopped += 1
        by_other.append(retention(database).one_pass(CATALOGUE, LATER))
        assert not locked_tables(database_url)
        if stopped == 3:
            raise InterruptedError
        return stopped % 2 == 0

    first = retention(database, rest)
    # The second rest stops the pass, and at the third the process ends.
    assert first.one_pass(CATALOGUE, LATER) == 8
    with pytest.raises(InterruptedError):
        first.one_pass(CATALOGUE, LATER)
    assert seen(database, CATALOGUE, list(players), LATER) == before
    assert 0 < len(completed(database_url)) - len(players) < stored
    retention(database).one_pass(CATALOGUE, LATER)
    assert len(completed(database_url)) == len(players)
    assert by_other == [0, 0, 0]
    assert seen(database, CATALOGUE, list(players), LATER) == before
    with connected(database_url) as connection:
        [(total,)] = connection.execute("SELECT sum(completed) FROM carried_completion").fetchall()
    assert total == stored


def test_a_month_that_begins_while_a_pass_is_interrupted_reaches_every_player(
    database: Database, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retain_completions, "STEP_COMPLETIONS", 4)
    players = tuple(f"player {number}" for number in range(6))
    # Days of February and of March: at first only those of February are old enough.
    play(database, players, days=5)
    march = RETENTION + period_of(MONTHLY, NOW + 5 * DAY).start
    resting = iter([True])
    duty = retention(database, lambda _: next(resting, False))
    assert 0 < duty.one_pass(CATALOGUE, march) < len(players)
    april = march + 31 * DAY
    while duty.one_pass(CATALOGUE, april):
        pass
    # Only the completions of the lifetime are left.
    assert completed(database_url) == [("ever", 0)] * len(players)


def test_a_key_is_carried_once(database: Database) -> None:
    play(database)
    key = CompletionKey("player", "daily", NOW, 1)

    def lock(connection: Connection) -> list[OldCompletion]:
        old = lock_old(connection, {"daily": LATER})
        return [each for each in old if each.key == key]

    of_key = database.transact(lock, soon())
    for expected in (1, 0):
        assert (
            database.transact(lambda connection: completion_retention.carry(connection, of_key, LATER), soon())
            == expected
        )
