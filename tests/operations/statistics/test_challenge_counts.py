"""Counts of challenges equal those of reading every player, whatever happened in between."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from shared.domain.catalogue import Catalogue
from shared.domain.current_periods import current_periods
from shared.domain.instant import DAY, HOUR
from shared.domain.progress import PlayerView, is_active
from shared.operations.goals.view_player import view_player
from shared.operations.statistics.challenge_reports import (
    read_challenge_reports,
)
from shared.postgres.database import Database
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
from tests.support.counting import count_challenges, count_one_step, figures, forget_counts, numbers, reports
from tests.support.databases import soon
from tests.support.strategies import DAYS, FIRST_DAY


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
