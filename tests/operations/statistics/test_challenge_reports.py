"""Challenge reports: which players they count, when, and by which process."""

from __future__ import annotations

import random
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from shared.domain.events import Event
from shared.domain.goal import Credit
from shared.domain.instant import DAY, SECOND
from shared.operations import player_sweep
from shared.operations.goals.activate import set_goal_active
from shared.operations.operators.erase_player import erase_player
from shared.operations.player_sweep import SWEEP_INTERVAL, PlayerSweep, SweepStep
from shared.operations.rewards.claim_all import claim_all
from shared.operations.statistics import challenge_reports as operations
from shared.operations.statistics.challenge_reports import (
    ChallengeCount,
    last_count_time,
    read_challenge_reports,
)
from shared.postgres.connection import Connection
from shared.postgres.database import Database
from shared.postgres.operators.player_data import ErasedPlayer
from shared.postgres.player_sweeps import CHALLENGE_COUNT
from shared.postgres.statistics.challenge_reports import ChallengeReport
from tests.operations.stories import (
    NOW,
    PLAYERS,
)
from tests.support.counting import count_challenges, count_one_step, figures, forget_counts, reports
from tests.support.databases import connected, flushed, soon
from tests.support.goals import CHALLENGE_ID, catalogue_of, goal
from tests.support.services import ACTING
from tests.support.strategies import KILLS
from tests.support.table_locks import locked_tables

MINUTE = 60 * SECOND
CATALOGUE = catalogue_of(goal("one", target=1), goal("many", target=100))


def test_a_sweep_stops_between_ranges_and_goes_on_there(
    database: Database, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    players = [f"player {number}" for number in range(25)]
    flushed(database, CATALOGUE, [Event("kill", player, NOW, KILLS, delta=1) for player in players])
    monkeypatch.setattr(operations, "RANGE_TALLIES", 4)
    rests: list[float] = []

    def rest(seconds: float) -> bool:
        rests.append(seconds)
        # A migration need not wait for the end of the count.
        assert not locked_tables(database_url)
        return len(rests) == 3

    counting = ChallengeCount(database, "the first", lambda: NOW, rest)
    assert not counting.one_pass(CATALOGUE)
    assert last_count_time(database, soon()) is None
    assert len(rests) == 3
    assert all(0 < seconds <= player_sweep.REST_MAX_S for seconds in rests)
    visited = counting.sweep.seen.visited if counting.sweep.seen else 0
    assert 0 < visited < 25
    # Another process leaves it alone as long as the first may be there.
    another = ChallengeCount(database, "another", lambda: NOW + 2 * MINUTE)
    assert not ChallengeCount(database, "another", lambda: NOW + 1).one_pass(CATALOGUE)
    assert another.one_pass(CATALOGUE)
    assert another.sweep.seen is not None
    assert another.sweep.seen.last_visited == 25
    assert read_challenge_reports(database, [CHALLENGE_ID], soon()) == [
        ChallengeReport(CHALLENGE_ID, 25, 25, 0, NOW + 2 * MINUTE)
    ]


def test_counts_are_exact_while_others_write(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operations, "RANGE_TALLIES", 3)
    players = [f"player {number}" for number in range(40)]
    stopping = threading.Event()

    def play(seed: int) -> None:
        draw = random.Random(seed)
        while not stopping.is_set():
            some = draw.sample(players, 5)
            flushed(database, CATALOGUE, [Event(f"{draw.random()}", each, NOW, KILLS, delta=30) for each in some])
            claim_all(database, CATALOGUE, some[0], CATALOGUE.goals.values(), NOW, soon())
            set_goal_active(database, CATALOGUE, some[1], CATALOGUE.goals["many"], bool(seed % 2), NOW, soon())

    with ThreadPoolExecutor() as threads:
        plays = [threads.submit(play, seed) for seed in range(2)]
        try:
            for number in range(20):
                # Every other count by another catalogue, which begins a sweep.
                catalogue = replace(CATALOGUE, version=f"version {number // 2}")
                for _ in range(5):
                    count_one_step(database, catalogue, NOW)
        finally:
            stopping.set()
        for done in plays:
            done.result()
    count_challenges(database, CATALOGUE, NOW)
    counted = figures(database)
    forget_counts(database)
    assert count_challenges(database, CATALOGUE, NOW)
    assert figures(database) == counted


def test_an_erased_player_does_not_count_any_more(database: Database) -> None:
    flushed(database, CATALOGUE, [Event("kill", player, NOW, KILLS, delta=1) for player in PLAYERS])
    count_challenges(database, CATALOGUE, NOW)
    erase_player(database, ErasedPlayer(PLAYERS[0], "erased-" + "0" * 16, "0" * 64, "0" * 64), ACTING, soon())
    assert count_challenges(database, CATALOGUE, NOW)
    left = len(PLAYERS) - 1
    assert reports(database, CATALOGUE) == [ChallengeReport(CHALLENGE_ID, left, left, 0, None)]


def test_a_goal_counts_once_it_counts_something_since_its_activation(database: Database) -> None:
    since = replace(goal("since", target=100, default_assigned=False), credit=Credit.FROM_ASSIGNMENT)
    catalogue = catalogue_of(since)
    flushed(database, catalogue, [Event("before", "a player", NOW, KILLS, delta=5)])
    set_goal_active(database, catalogue, "a player", since, True, NOW, soon())
    count_challenges(database, catalogue, NOW)
    assert reports(database, catalogue) == [ChallengeReport(CHALLENGE_ID, 0, 0, 0, None)]
    flushed(database, catalogue, [Event("after", "a player", NOW, KILLS, delta=5)])
    assert count_challenges(database, catalogue, NOW)
    assert reports(database, catalogue) == [ChallengeReport(CHALLENGE_ID, 1, 0, 0, None)]
    flushed(database, catalogue, [Event("again", "a player", NOW, KILLS, delta=5)])
    assert not count_challenges(database, catalogue, NOW), "nothing is noted for events that change no figure"


def test_a_goal_that_is_completed_several_times_in_a_period_counts_once(database: Database) -> None:
    catalogue = catalogue_of(replace(goal("ten", target=10), repeat=3))
    flushed(database, catalogue, [Event("kill", player, NOW, KILLS, delta=25) for player in PLAYERS])
    claim_all(database, catalogue, PLAYERS[0], catalogue.goals.values(), NOW, soon())
    assert count_challenges(database, catalogue, NOW)
    assert read_challenge_reports(database, [CHALLENGE_ID], soon()) == [ChallengeReport(CHALLENGE_ID, 2, 2, 1, NOW)]


def test_a_removed_challenge_keeps_its_counts_and_a_new_one_has_none_yet(database: Database) -> None:
    flushed(database, CATALOGUE, [Event("kill", "a player", NOW, KILLS, delta=1)])
    assert count_challenges(database, CATALOGUE, NOW)
    newer = replace(CATALOGUE, version="newer", challenges=())
    assert count_challenges(database, newer, NOW + 1)
    assert read_challenge_reports(database, ["new", CHALLENGE_ID], soon()) == [
        ChallengeReport("new", 0, 0, 0, None),
        ChallengeReport(CHALLENGE_ID, 1, 1, 0, NOW + 1),
    ]


def test_challenges_are_counted_again_only_after_a_change(database: Database) -> None:
    assert last_count_time(database, soon()) is None
    assert count_challenges(database, CATALOGUE, NOW)
    assert not count_challenges(database, CATALOGUE, NOW + 2 * MINUTE)
    set_goal_active(database, CATALOGUE, "a player", CATALOGUE.goals["one"], False, NOW, soon())
    assert count_challenges(database, CATALOGUE, NOW + 3 * MINUTE)
    assert last_count_time(database, soon()) == NOW + 3 * MINUTE


def test_changes_by_hand_are_counted_after_a_day(database: Database, database_url: str) -> None:
    assert count_challenges(database, CATALOGUE, NOW)
    with connected(database_url) as connection:
        connection.execute("INSERT INTO assignment VALUES ('player', 'one', false, NULL, 3)")
    assert not count_challenges(database, CATALOGUE, NOW + SWEEP_INTERVAL - 1)
    assert count_challenges(database, CATALOGUE, NOW + SWEEP_INTERVAL)
    assert reports(database, CATALOGUE) == [ChallengeReport(CHALLENGE_ID, 1, 0, 0, None)]


def test_a_pass_does_nothing_soon_after_any_process_has_finished(database: Database) -> None:
    times = [NOW]
    counting = ChallengeCount(database, "a process", lambda: times[-1])
    assert counting.one_pass(CATALOGUE)
    flushed(database, CATALOGUE, [Event("kill", "a player", NOW, KILLS, delta=1)])
    assert not ChallengeCount(database, "another", lambda: NOW + 20 * SECOND).one_pass(CATALOGUE)
    times.append(NOW + MINUTE)
    assert counting.one_pass(CATALOGUE)


def test_only_one_process_counts_at_a_time(database: Database) -> None:
    work = operations.count_work(CATALOGUE, lambda: NOW)
    first, second = (PlayerSweep(database, CHALLENGE_COUNT, name, lambda: NOW) for name in ("first", "second"))

    def step(connection: Connection) -> None:
        assert first.one_step(connection, CATALOGUE.version, work) is SweepStep.WORKED
        # The first is at work in its transaction.
        assert count_one_step(database, CATALOGUE, NOW, "second") is SweepStep.BUSY

    count_challenges(database, CATALOGUE, NOW)
    flushed(database, CATALOGUE, [Event("kill", "a player", NOW, KILLS, delta=1)])
    database.transact(step, soon())
    assert not second.one_pass(CATALOGUE.version, work)
    assert first.one_pass(CATALOGUE.version, work)


def test_a_clock_that_is_set_back_by_a_day_delays_no_count(database: Database) -> None:
    now = NOW
    counting = ChallengeCount(database, "a process", lambda: now)
    assert counting.one_pass(CATALOGUE)
    flushed(database, CATALOGUE, [Event("kill", "player", NOW, KILLS, delta=1)])
    now = NOW - DAY
    assert counting.one_pass(CATALOGUE)
    assert [report.started for report in read_challenge_reports(database, [CHALLENGE_ID], soon())] == [1]
