"""All handlers judge by the greatest horizon in force."""

from __future__ import annotations

from shared.domain.acceptance import AcceptanceWindow
from shared.domain.instant import HOUR, SECOND
from shared.operations.events.event_horizon import EventHorizon
from shared.postgres.database import Database
from shared.runtime.clock import system_clock
from tests.support.databases import soon


def renew(horizon: EventHorizon, database: Database) -> AcceptanceWindow:
    horizon.renew(database, system_clock(), soon())
    return horizon.window


def test_a_handler_adopts_a_greater_horizon_and_keeps_its_own_from_a_smaller_one(database: Database) -> None:
    small, large = (
        EventHorizon(AcceptanceWindow(6 * HOUR, SECOND)),
        EventHorizon(AcceptanceWindow(72 * HOUR, 2 * SECOND)),
    )
    assert not small.known
    assert renew(small, database) == AcceptanceWindow(6 * HOUR, SECOND)
    assert small.known
    assert renew(large, database) == AcceptanceWindow(72 * HOUR, 2 * SECOND)
    assert renew(small, database) == AcceptanceWindow(72 * HOUR, SECOND)
