"""Standings change in the commit of what they count, and equal a full recalculation."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

import pytest

from shared.domain.catalogue import Catalogue
from shared.domain.claims import Claim
from shared.domain.events import Event
from shared.domain.grant_changes import Act, refunded
from shared.domain.instant import DAY, HOUR, LIFETIME_START
from shared.domain.leaderboard import Leaderboard, LeaderboardMeasure
from shared.domain.schedules import DAILY, LIFETIME, WEEKLY
from shared.domain.standings import (
    EVERYTHING,
    CompletionRecord,
    ScopeKind,
    Standing,
    StandingKey,
    add_up,
    claim_parts,
    completion_parts,
)
from shared.operations.events.flush import Flush
from shared.operations.goals.activate import set_goal_active
from shared.operations.goals.initialize import initialize_player
from shared.operations.rewards.claim import claim_reward
from shared.operations.rewards.claim_all import claim_all
from shared.operations.rewards.grant_admin import OperatorAction, perform
from shared.postgres.database import Database
from shared.postgres.statistics.standings import SCOPE_KINDS
from tests.support.databases import connected, soon
from tests.support.flushing import flush
from tests.support.goals import catalogue_of, goal
from tests.support.periods import period_of
from tests.support.strategies import FIRST_DAY, KILLS

NOW = FIRST_DAY * DAY + DAY // 2
QUICK = replace(goal("quick", target=1), points=10, tags=("pvp",))
SLOW = replace(goal("slow", target=5), points=100, tags=("pvp", "long"))
CHOSEN = replace(goal("chosen", target=2, default_assigned=False), points=1)
WEEKLY_POINTS = Leaderboard("week", "Week", "", LeaderboardMeasure.POINTS, EVERYTHING, WEEKLY)
DAILY_KILLS = Leaderboard("kills", "Kills", "", LeaderboardMeasure.SUM, KILLS, DAILY)
CATALOGUE = replace(catalogue_of(QUICK, SLOW, CHOSEN), leaderboards=(WEEKLY_POINTS, DAILY_KILLS))
ALL = StandingKey("player", LIFETIME.text, LIFETIME_START, ScopeKind.ALL, "")
WEEK = StandingKey("player", WEEKLY.text, period_of(WEEKLY, NOW).start, ScopeKind.ALL, "")


def kills(number: int, delta: int, time: int = NOW) -> Event:
    return Event(f"kills {number}", "player", time, KILLS, delta=delta)


def stored(database_url: str) -> dict[StandingKey, Standing]:
    with connected(database_url) as connection:
        rows = connection.execute(
            "SELECT user_id, schedule, period_start, scope, scope_id,"
            " completed, claimed, points, points_time, fastest, version FROM standing",
            binary=True,
        ).fetchall()
    return {
        StandingKey(user_id, schedule, start, SCOPE_KINDS[scope], scope_id): Standing(*numbers)
        for user_id, schedule, start, scope, scope_id, *numbers in rows
    }


def added_up(database_url: str, catalogue: Catalogue = CATALOGUE) -> dict[StandingKey, Standing]:
    """Recalculate the standings from completions and claims."""
    with connected(database_url) as connection:
        rows = connection.execute(
            "SELECT user_id, complete_time, challenge_id, tags, points, active_since, claim_time FROM completion",
            binary=True,
        ).fetchall()
    parts: list[tuple[StandingKey, Standing]] = []
    for user_id, complete_time, challenge_id, tags, points, active_since, claim_time in rows:
        record = CompletionRecord(complete_time, challenge_id, tuple(tags), points, active_since)
        parts += completion_parts(user_id, record, catalogue.points_schedules)
        if claim_time is not None:
            parts += claim_parts(user_id, challenge_id, tags, claim_time)
    return add_up(parts)


def journal(database_url: str) -> list[tuple[int, list[str]]]:
    with connected(database_url) as connection:
        return connection.execute("SELECT entry_id, user_ids FROM leaderboard_journal ORDER BY entry_id").fetchall()


def claim(database: Database, catalogue: Catalogue = CATALOGUE) -> Claim:
    return claim_reward(database, catalogue, "player", QUICK, None, NOW + DAY, soon())


def test_completions_and_claims_count_at_once(database: Database, database_url: str) -> None:
    initialize_player(database, "player", None, NOW - HOUR, soon())
    flush(database, CATALOGUE, [kills(1, 1)], soon())
    assert stored(database_url)[ALL] == Standing(1, 0, 10, NOW, HOUR, 1)
    assert stored(database_url)[WEEK].points == 10
    flush(database, CATALOGUE, [kills(2, 4, NOW + HOUR)], soon())
    claim(database)
    assert stored(database_url)[ALL] == Standing(2, 1, 110, NOW + HOUR, HOUR, 2)
    assert stored(database_url) == added_up(database_url)


def test_a_goal_satisfied_without_an_event_counts_when_activated(database: Database, database_url: str) -> None:
    flush(database, CATALOGUE, [kills(1, 2)], soon())
    set_goal_active(database, CATALOGUE, "player", CHOSEN, True, NOW, soon())
    assert stored(database_url)[ALL] == Standing(2, 0, 11, NOW, None, 2)
    claims = claim_all(database, CATALOGUE, "player", CATALOGUE.goals.values(), NOW, soon())
    assert [claim.goal.id for claim in claims] == ["quick", "chosen"]
    assert stored(database_url)[ALL].claimed == 2
    assert stored(database_url) == added_up(database_url)


def test_a_redelivered_event_counts_once(database: Database, database_url: str) -> None:
    flush(database, CATALOGUE, [kills(1, 5)], soon())
    before = stored(database_url)
    flush(database, CATALOGUE, [kills(1, 5), kills(2, 5)], soon())
    assert stored(database_url) == before == added_up(database_url)


def test_a_refund_removes_the_claim_and_keeps_the_completion(database: Database, database_url: str) -> None:
    flush(database, CATALOGUE, [kills(1, 1)], soon())
    granted = claim(database)
    action = OperatorAction(Act.REFUND, lambda status: refunded(status, NOW), "operator", "a test")
    perform(database, UUID(granted.grant_id), action, NOW, soon(), dry=False)
    assert stored(database_url)[ALL] == Standing(1, 0, 10, NOW, None, 1)


def test_changed_scores_add_a_journal_entry_in_the_same_transaction(database: Database, database_url: str) -> None:
    other = Event("other", "other player", NOW, KILLS, value=3)
    committed = Flush(database, CATALOGUE, soon())
    committed.run([kills(1, 1), other])
    (changes,) = committed.score_changes
    assert journal(database_url) == [(changes.entry_id, ["other player", "player"])]
    assert {(tally.user_id, tally.schedule) for tally in changes.tallies} == {
        ("player", DAILY.text),
        ("other player", DAILY.text),
    }
    assert {key: standing.points for key, standing in changes.standings.items()} == {WEEK: 10}


@pytest.mark.parametrize("catalogue", [replace(CATALOGUE, leaderboards=()), CATALOGUE])
def test_changes_without_effect_on_scores_add_no_journal_entry(
    database: Database, database_url: str, catalogue: Catalogue
) -> None:
    first = Flush(database, replace(catalogue, leaderboards=()), soon())
    first.run([kills(1, 1)])
    before = journal(database_url)
    claim(database, catalogue)
    again = Flush(database, catalogue, soon())
    again.run([kills(1, 1)])
    assert journal(database_url) == before == []
    assert first.score_changes == again.score_changes == []
