"""Pruning deletes tallies of periods that are over for good, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.catalogue import Catalogue
from shared.domain.events import Event
from shared.domain.instant import DAY, HOUR, Instant
from shared.domain.leaderboard import LeaderboardMeasure
from shared.domain.rotation import claim_end
from shared.domain.schedules import DAILY, MONTHLY, WEEKLY, Schedule
from shared.domain.tally import Tally, TallyKey
from shared.operations.events.prune_tallies import MARGIN, RANGE_TALLIES, TallyPruning, prunable_before
from shared.postgres.database import Database
from shared.postgres.events import tallies
from shared.postgres.goals import selections
from shared.postgres.goals.selections import SelectionKey
from tests.support.database_contents import contents
from tests.support.databases import connected, soon
from tests.support.flushing import flush
from tests.support.goals import CHALLENGE_ID, catalogue_of, goal
from tests.support.leaderboards import board
from tests.support.periods import period_of
from tests.support.strategies import FIRST_DAY, KILLS
from tests.support.table_locks import locked_tables

NOW = (FIRST_DAY + 40) * DAY + HOUR
AGE = 3 * DAY
DAYS_KEPT = 8
"""The current day and the seven whose rewards can be claimed."""
CATALOGUE = catalogue_of(replace(goal("daily", target=1), schedule=DAILY), goal("lifetime", target=1))


def play(database: Database, catalogue: Catalogue = CATALOGUE) -> None:
    """Complete every goal on each of 40 days and today."""
    for day in range(41):
        flush(database, catalogue, [Event(f"id {day}", "player", NOW - day * DAY, KILLS, delta=1)], soon())


def pruning(database: Database, rest: Callable[[float], bool] = lambda _: False) -> TallyPruning:
    """Return a duty that does not rest."""
    return TallyPruning(database, rest)


@pytest.fixture
def days(database_url: str) -> Callable[[], list[int]]:
    """Return a function that returns how many days ago the stored daily tallies are."""

    def ages() -> list[int]:
        with connected(database_url) as connection:
            rows = connection.execute("SELECT period_start FROM tally WHERE schedule = 'day/UTC'", binary=True)
            return sorted((NOW - start) // DAY for (start,) in rows)

    return ages


def test_only_tallies_of_days_whose_claims_have_ended_are_deleted(
    database: Database, database_url: str, days: Callable[[], list[int]]
) -> None:
    play(database)
    before = contents(database_url)
    assert pruning(database).one_pass(CATALOGUE, AGE, NOW) == 41 - DAYS_KEPT
    assert days() == list(range(DAYS_KEPT))
    after = contents(database_url)
    assert {table for table in before if before[table] != after[table]} == {"tally"}
    assert pruning(database).one_pass(CATALOGUE, AGE, NOW) == 0


def test_days_of_events_that_are_still_accepted_are_kept(database: Database, days: Callable[[], list[int]]) -> None:
    play(database)
    pruning(database).one_pass(CATALOGUE, 20 * DAY, NOW)
    assert days() == list(range(21))


def test_days_whose_rankings_are_not_final_are_kept(
    database: Database, database_url: str, days: Callable[[], list[int]]
) -> None:
    ranked = replace(CATALOGUE, leaderboards=(board("kills", LeaderboardMeasure.SUM, KILLS, DAILY),))
    play(database, ranked)
    with connected(database_url) as connection:
        connection.execute(
            "INSERT INTO leaderboard VALUES ('kills', 'sum', NULL, NULL, 'stat', 'kills', 'day/UTC', false)"
        )
        connection.execute(
            "INSERT INTO leaderboard_period SELECT 'kills', instant($1), instant($1 + $2)",
            (period_of(DAILY, NOW - 15 * DAY).start, DAY),
        )
    pruning(database).one_pass(ranked, AGE, NOW)
    assert days() == list(range(16))


def store_old(database: Database) -> int:
    """Store tallies of a day long ago, for more players than there are in one range; return their number."""
    players = [f"player {number:04}" for number in range(RANGE_TALLIES + 10)]
    old = period_of(DAILY, NOW - 30 * DAY).start
    added = {TallyKey(player, KILLS, DAILY.text, old): Tally(sum=1) for player in players}
    database.transact(lambda connection: tallies.merge(connection, added), soon())
    return len(players)


def test_a_pass_that_is_stopped_is_resumed_where_it_was(database: Database) -> None:
    stored = store_old(database)
    stopped = pruning(database, rest=lambda _: True)
    first = stopped.one_pass(CATALOGUE, AGE, NOW)
    assert 0 < first < stored
    assert first + stopped.one_pass(CATALOGUE, AGE, NOW) == stored


def test_while_one_process_prunes_another_does_not_and_no_table_is_locked(
    database: Database, database_url: str
) -> None:
    stored = store_old(database)
    by_other: list[int] = []

    def rest(_: float) -> bool:
        by_other.append(pruning(database).one_pass(CATALOGUE, AGE, NOW))
        assert not locked_tables(database_url)
        return False

    assert pruning(database, rest).one_pass(CATALOGUE, AGE, NOW) == stored
    assert by_other == [0]


@given(
    st.sampled_from([DAILY, WEEKLY, MONTHLY]),
    st.integers(0, 400 * DAY).map(lambda ago: NOW - ago),
    st.integers(0, 30 * DAY),
)
def test_a_prunable_period_is_past_its_claim_end_and_too_old_for_events(
    schedule: Schedule, instant: Instant, accepted_age: Instant
) -> None:
    period = period_of(schedule, instant)
    before = prunable_before(schedule, None, accepted_age, NOW)
    assert before is not None
    end = claim_end(schedule, period)
    assert end is not None
    assert period.end is not None
    assert (period.start < before) == (end <= NOW and period.end + accepted_age + MARGIN <= NOW)


def test_selections_of_days_whose_claims_have_ended_are_deleted(database: Database, database_url: str) -> None:
    catalogue = catalogue_of(replace(goal("daily", target=1), schedule=DAILY))
    keys = [SelectionKey("player", CHALLENGE_ID, period_of(DAILY, NOW - day * DAY).start) for day in range(20)]
    lifetime, elsewhere = SelectionKey("player", CHALLENGE_ID), keys[-1]._replace(challenge_id="elsewhere")
    for key in (*keys, lifetime, elsewhere):
        database.autocommit(lambda connection, key=key: selections.lock(connection, key, None, NOW), soon())  # type: ignore[misc]
    pruning(database).one_pass(catalogue, AGE, NOW)
    with connected(database_url) as connection:
        rows = connection.execute("SELECT user_id, challenge_id, microseconds(period_start) FROM selection").fetchall()
    assert {SelectionKey(*row) for row in rows} == {*keys[:DAYS_KEPT], lifetime, elsewhere}
