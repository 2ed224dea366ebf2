"""The count of challenges comes to an end where the database is too slow for steps of the usual size."""

from __future__ import annotations

from contextlib import suppress

import pytest

from shared.domain.errors import DeadlineExceeded
from shared.domain.events import Event
from shared.operations import player_sweep
from shared.operations.statistics.challenge_reports import ChallengeCount
from shared.postgres.database import Database
from tests.support.counting import figures
from tests.support.databases import connected, soon
from tests.support.flushing import flush
from tests.support.goals import catalogue_of, goal
from tests.support.services import NOW, ManualClock
from tests.support.strategies import KILLS
from tests.support.waiting import wait_until

PLAYERS = 16
CATALOGUE = catalogue_of(goal("one", target=1))
SLOW = b"""
CREATE FUNCTION be_slow() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_sleep(0.02);
    RETURN NULL;
END
$$;
CREATE TRIGGER be_slow AFTER INSERT ON counted_player FOR EACH ROW EXECUTE FUNCTION be_slow();
"""


def test_a_count_whose_steps_take_too_long_ends_in_smaller_ones(
    database: Database, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(player_sweep, "STEP_TIMEOUT_S", 0.25)
    flush(database, CATALOGUE, [Event(f"{n}", f"player {n}", NOW, KILLS, delta=1) for n in range(PLAYERS)], soon())
    with connected(database_url) as connection:
        connection.run_script(SLOW)
    counting = ChallengeCount(database, "a process", ManualClock())

    def is_counted() -> bool:
        # The next step may find the locks of one that was given up.
        with suppress(DeadlineExceeded):
            counting.one_pass(CATALOGUE)
        return bool(figures(database))

    wait_until(is_counted)
    assert [report.completed for report in figures(database)] == [PLAYERS]
