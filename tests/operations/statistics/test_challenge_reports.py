"""Challenge reports equal a count over all players, made by one process and only after changes."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.catalogue import Catalogue
from shared.domain.current_periods import current_periods
from shared.domain.events import Event
from shared.domain.instant import DAY, SECOND
from shared.domain.progress import PlayerView, is_active
from shared.operations.goals.view_player import view_player
from shared.operations.rewards.claim_all import claim_all
from shared.operations.statistics import challenge_reports as operations
from shared.operations.statistics.challenge_reports import (
    count_challenges,
    is_due,
    last_count_time,
    read_challenge_reports,
)
from shared.postgres.database import Database
from shared.postgres.statistics.challenge_reports import ChallengeReport, LastCount
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
from tests.support.databases import connected, flushed, soon
from tests.support.goals import CHALLENGE_ID, catalogue_of, goal
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


@given(st.one_of(stories(), stories_of_countings()))
def test_counts_equal_those_of_reading_every_player(two_connections: Database, story: Story) -> None:
    catalogue, steps = story
    two_connections.autocommit(
        lambda connection: connection.run_script(
            b"TRUNCATE tally, assignment, completion, standing, reward_outbox, challenge_report, challenge_count"
        ),
        soon(),
    )
    system = System(two_connections, catalogue)
    for step in steps:
        do(system, step)
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
    expected = [
        ChallengeReport(
            challenge.id,
            sum(any(has_begun(challenge.id, view, catalogue) for view in of_player) for of_player in views.values()),
            sum(catalogue.goals[goal_id].challenge_id == challenge.id for _, goal_id in completed),
            sum(catalogue.goals[goal_id].challenge_id == challenge.id for _, goal_id in claimed),
            NOW,
        )
        for challenge in catalogue.challenges
    ]
    assert count_challenges(two_connections, catalogue, NOW)
    assert read_challenge_reports(two_connections, list(catalogue.challenge_by_id), soon()) == expected


def test_a_count_by_ranges_equals_a_single_count(
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

    assert not count_challenges(database, CATALOGUE, NOW, rest=rest)
    assert last_count_time(database, soon()) is None
    assert len(rests) == 3
    assert all(0 < seconds <= operations.REST_MAX_S for seconds in rests)
    assert count_challenges(database, CATALOGUE, NOW)
    assert read_challenge_reports(database, [CHALLENGE_ID], soon()) == [ChallengeReport(CHALLENGE_ID, 25, 25, 0, NOW)]


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


def test_challenges_are_counted_again_only_after_a_change(database: Database, database_url: str) -> None:
    assert last_count_time(database, soon()) is None
    assert count_challenges(database, CATALOGUE, NOW)
    with connected(database_url) as connection:
        # The changes of the migrations may be counted only now.
        connection.execute("SELECT pg_stat_force_next_flush()")
    count_challenges(database, CATALOGUE, NOW + MINUTE)
    assert not count_challenges(database, CATALOGUE, NOW + 2 * MINUTE)
    with connected(database_url) as connection:
        connection.execute("INSERT INTO assignment VALUES ('player', 'one', true, NULL, 0)")
        connection.execute("SELECT pg_stat_force_next_flush()")
    assert count_challenges(database, CATALOGUE, NOW + 3 * MINUTE)
    assert last_count_time(database, soon()) == NOW + 3 * MINUTE


def test_only_one_process_counts_at_a_time(database: Database, database_url: str) -> None:
    with connected(database_url) as other:
        other.execute("SELECT pg_advisory_lock(1667785068, 5)")
        assert not count_challenges(database, CATALOGUE, NOW)
        # Closing the connection would also release the lock, but only once the server notices.
        other.execute("SELECT pg_advisory_unlock(1667785068, 5)")
    assert count_challenges(database, CATALOGUE, NOW)


LAST = LastCount(NOW, "version", 10, SECOND, 10)


@pytest.mark.parametrize(
    ("last", "version", "after", "due"),
    [
        (LAST._replace(count_time=None, duration=None), "version", 0, True),
        (LAST, "newer", 0, True),
        (LAST, "version", 60 * MINUTE, False),
        (LAST._replace(changes_by_now=11), "version", MINUTE, True),
        (LAST._replace(changes_by_now=11), "version", MINUTE // 3, False),
        (LAST._replace(changes_by_now=11, duration=12 * SECOND), "version", MINUTE, False),
        (LAST._replace(changes_by_now=11, duration=12 * SECOND), "version", 2 * MINUTE, True),
        (LAST._replace(changes_by_now=0), "version", MINUTE, True),
    ],
    ids=["never", "catalogue", "no change", "change", "just now", "took long", "long ago", "changes forgotten"],
)
def test_counting_is_due_after_a_change_and_a_pause(last: LastCount, version: str, after: int, due: bool) -> None:
    assert is_due(last, version, NOW + after) is due
