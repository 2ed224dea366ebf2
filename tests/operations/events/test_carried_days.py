"""Events of days far from the real one, as calls with the development clock bring them: each counts once."""

from __future__ import annotations

from shared.domain.events import Event, Verdict
from shared.domain.instant import DAY, HOUR, Instant
from shared.operations.events.ledger_partitions import DAYS_AHEAD, keep_ledger_partitions
from shared.postgres.database import Database
from shared.postgres.events.ledger_partitions import days_without_partition
from tests.support.databases import flushed, soon
from tests.support.goals import catalogue_of, goal
from tests.support.services import NOW
from tests.support.strategies import KILLS

HORIZON = 72 * HOUR
CATALOGUE = catalogue_of(goal())
DAYS = (-8_000, -400, -4, -1, 0, 1, 40, 41, 27_000)
"""Days of events, counted from the real one."""


def test_events_of_any_day_count_once_while_real_days_pass(database: Database) -> None:
    def pass_of_the_duty(now: Instant) -> int:
        """Maintain partitions as an event handler with the development clock does; return the days without one."""
        keep_ledger_partitions(database, HORIZON, now, soon(), may_drop=False)
        return database.autocommit(days_without_partition, soon())

    def verdicts() -> set[Verdict]:
        return {outcome.verdict for outcome in flushed(database, CATALOGUE, events)}

    events = [Event(f"of day {day}", "player", NOW + day * DAY, KILLS, delta=1) for day in DAYS]
    pass_of_the_duty(NOW)
    assert verdicts() == {Verdict.APPLIED}
    far = {day for day in DAYS if not -4 <= day <= DAYS_AHEAD}
    assert pass_of_the_duty(NOW) == len(far)
    # Their real days come, and the default partition hands the events over.
    assert pass_of_the_duty(NOW + 39 * DAY) == len(far) - 2
    assert verdicts() == {Verdict.DUPLICATE}
    assert pass_of_the_duty(NOW + 400 * DAY) == len(far) - 2
    assert verdicts() == {Verdict.DUPLICATE}
