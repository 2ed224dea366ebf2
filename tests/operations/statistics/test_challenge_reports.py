"""Challenge reports equal a count over all players, made by one process and only after changes."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.catalogue import Catalogue
from shared.domain.current_periods import current_periods
from shared.domain.events import Event
from shared.domain.goal import Credit
from shared.domain.instant import DAY, HOUR, SECOND
from shared.domain.progress import PlayerView, is_active
from shared.operations import player_sweep
from shared.operations.goals.activate import set_goal_active
from shared.operations.goals.view_player import view_player
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
from shared.postgres.statistics import challenge_reports
from shared.postgres.statistics.challenge_reports import ChallengeReport
from tests.operations.stories import (
    NOW,
    PLAYERS,
    Adjust,
    Reload,
    Report,
    Step,
    Story,
    Switch,
    Take,
    Undo,
    Wait,
    stories,
    stories_of_countings,
)
from tests.operations.system import System
from tests.support.counting import count_challenges, count_one_step, forget_counts
from tests.support.databases import connected, flushed, soon
from tests.support.goals import CHALLENGE_ID, catalogue_of, goal
from tests.support.services import ACTING
from tests.support.strategies import DAYS, FIRST_DAY, KILLS
from tests.support.table_locks import locked_tables

MINUTE = 60 * SECOND
CATALOGUE = catalogue_of(goal("one", target=1), goal("many", target=100))


def has_begun(challenge_id: str, view: PlayerView, catalogue: Catalogue) -> bool:
    """Return whether a player has made progress with an active goal of the challenge, or completed one."""
    for each in catalogue.challenge_by_id[challenge_id].goals:
        assignment, tally = view.assignments.get(each.id), view.tally_of(each)
        if each.id in view.completions:
            return True
        if is_active(each, assignment, None):
            if tally is not None and tally.measures.judged_by(each.counting) > 0:
                return True
        elif assignment is not None and assignment.frozen_progress > 0:
            return True
    return False


def do(system: System, step: Step) -> None:
    match step:
        case Report(batch):
            system.report(batch)
        case Switch(player, switched, active):
            system.set_active(player, system.catalogue.goals[switched.id], active)
        case Take(player, taken):
            system.claim(player, system.catalogue.goals[taken.id])
        case Undo(player, undone):
            system.refund(player, undone)
        case Reload(later):
            system.catalogue = later
        case Wait(now):
            system.now = now
        case Adjust(player, points):
            system.adjust(player, points)


@given(st.one_of(stories(), stories_of_countings()), st.data())
def test_counts_equal_those_of_reading_every_player(
    two_connections: Database, story: Story, data: st.DataObject
) -> None:
    catalogue, steps = story
    two_connections.autocommit(
        lambda connection: connection.run_script(b"TRUNCATE tally, assignment, completion, standing, reward_outbox"),
        soon(),
    )
    forget_counts(two_connections)
    system = System(two_connections, catalogue)
    for step in steps:
        do(system, step)
        # Processes count in between, and die after any step.
        for owner in data.draw(st.lists(st.sampled_from(["", "another"]), max_size=3), label="counts"):
            count_one_step(two_connections, system.catalogue, NOW, owner or "a test")
    catalogue = system.catalogue
    looks = [current_periods(catalogue, day * DAY) for day in range(FIRST_DAY, FIRST_DAY + DAYS)]
    views = {
        player: [view_player(two_connections, system.prefix + player, soon(), look) for look in looks]
        for player in PLAYERS
    }
    completed = {
        (player, goal_id) for player, of_player in views.items() for view in of_player for goal_id in view.completions
    }
    claimed = {
        (player, goal_id)
        for player, of_player in views.items()
        for view in of_player
        for goal_id, completion in view.completions.items()
        if completion.claim_time is not None
    }
    # A step that a process had begun when it died is taken over later.
    later = NOW + HOUR
    expected = [
        ChallengeReport(
            challenge.id,
            sum(any(has_begun(challenge.id, view, catalogue) for view in of_player) for of_player in views.values()),
            sum(catalogue.goals[goal_id].challenge_id == challenge.id for _, goal_id in completed),
            sum(catalogue.goals[goal_id].challenge_id == challenge.id for _, goal_id in claimed),
            later,
        )
        for challenge in catalogue.challenges
    ]
    count_challenges(two_connections, catalogue, later)
    assert reports(two_connections, catalogue) == numbers(expected)
    every = figures(two_connections)
    forget_counts(two_connections)
    assert count_challenges(two_connections, catalogue, later)
    assert read_challenge_reports(two_connections, list(catalogue.challenge_by_id), soon()) == expected
    assert figures(two_connections) == every


def numbers(found: Iterable[ChallengeReport]) -> list[ChallengeReport]:
    return [report._replace(report_time=None) for report in found]


def reports(database: Database, catalogue: Catalogue) -> list[ChallengeReport]:
    return numbers(read_challenge_reports(database, list(catalogue.challenge_by_id), soon()))


def figures(database: Database) -> list[ChallengeReport]:
    """Return the reports on all challenges that ever were and have any figures."""
    found = database.autocommit(lambda connection: challenge_reports.read(connection, None), soon())
    return numbers(report for report in found if any(report[1:4]))


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
    work = operations.counting(CATALOGUE, lambda: NOW)
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
