"""Positions in the queue are exact near the head and within the stated error further back."""

from __future__ import annotations

import math
from collections.abc import Callable
from uuid import UUID

import pytest

from shared.domain.errors import DatabaseUnavailable
from shared.domain.instant import SECOND
from shared.operations.rewards.queue_position import (
    COUNT_INTERVAL_S,
    EXACT,
    NEWLY_LONG,
    Position,
    count_queue,
    position_of,
)
from shared.operations.rewards.reward_telemetry import RewardTelemetry
from shared.postgres.database import Database
from shared.runtime.telemetry import Telemetry
from tests.support.databases import connected, soon
from tests.support.rewards import PROVIDER
from tests.support.services import NOW, ManualClock

LONG = 12 * EXACT
"""Long enough for places that are known from marks alone."""
INTERVAL = int(COUNT_INTERVAL_S * SECOND)

QUEUE_UP = b"""
INSERT INTO reward_outbox (
    user_id, goal_id, period_start, occurrence, claim_number, grant_id, state, provider,
    reward_type, reward_id, quantity, priority, attempts, lease_token, due_time, create_time
)
SELECT
    $1 || n, 'win', timestamptz 'epoch', 1, 1, gen_random_uuid(), 'PENDING', $2,
    'WALLET', 'GEMS', 10, 1 + n % 3, 0, 0, due, due
FROM generate_series(1, $3::integer) AS n
CROSS JOIN LATERAL (SELECT timestamptz '2024-02-29 11:00Z' + n % 50 * interval '1 ms' AS due) AS times
"""
IN_ORDER = b"""
SELECT grant_id FROM reward_outbox
WHERE provider = $1 AND state = 'PENDING'
ORDER BY priority, due_time, grant_id
"""


@pytest.fixture
def queue_up(database_url: str) -> Callable[..., list[UUID]]:
    """Return a function that queues grants of all priorities, and returns all waiting grants in order."""

    def put(count: int, provider: str = PROVIDER, prefix: str = "player ") -> list[UUID]:
        with connected(database_url) as connection:
            connection.execute(QUEUE_UP, [prefix, provider, count])
            connection.execute("ANALYZE reward_outbox")
            return [grant_id for (grant_id,) in connection.execute(IN_ORDER, [provider]).fetchall()]

    return put


def position(database: Database, grant_id: UUID) -> Position | None:
    return database.autocommit(lambda connection: position_of(connection, str(grant_id), NOW + SECOND), soon())


def count(database: Database, clock: ManualClock) -> Telemetry:
    telemetry = Telemetry()
    count_queue(database, clock, RewardTelemetry(telemetry))
    return telemetry


def test_a_position_is_exact_near_the_head_and_within_its_error_everywhere(
    database: Database, queue_up: Callable[..., list[UUID]]
) -> None:
    queue_up(3, "another", "other ")
    order = queue_up(LONG)
    count(database, ManualClock())
    for place in (0, 1, EXACT - 1, EXACT, EXACT + 1, 2 * EXACT, 5 * EXACT + 1, 10 * EXACT, 11 * EXACT, LONG - 1):
        found = position(database, order[place])
        assert found is not None
        if place <= EXACT:
            assert found == Position(place, 0, NOW + SECOND)
        else:
            assert abs(found.ahead - place) <= found.error <= EXACT // 2
            assert found.count_time == NOW


def test_without_a_count_positions_are_exact_up_to_a_bound_and_then_unknown(
    database: Database, queue_up: Callable[..., list[UUID]]
) -> None:
    order = queue_up(NEWLY_LONG + 10)
    for place in (0, EXACT, EXACT + 1, NEWLY_LONG):
        assert position(database, order[place]) == Position(place, 0, NOW + SECOND)
    assert position(database, order[NEWLY_LONG + 1]) is None
    count(database, ManualClock())
    assert position(database, order[NEWLY_LONG + 1]) is not None


def test_a_position_that_moved_near_the_head_since_the_count_is_exact(
    database: Database, database_url: str, queue_up: Callable[..., list[UUID]]
) -> None:
    order = queue_up(3 * EXACT)
    count(database, ManualClock())
    with connected(database_url) as connection:
        gone = "{" + ",".join(map(str, order[: 2 * EXACT])) + "}"
        connection.execute("DELETE FROM reward_outbox WHERE grant_id = ANY ($1::uuid[])", [gone])
    assert position(database, order[2 * EXACT + 7]) == Position(7, 0, NOW + SECOND)


def test_a_settled_grant_has_no_position(
    database: Database, database_url: str, queue_up: Callable[..., list[UUID]]
) -> None:
    [first, second] = queue_up(2)
    with connected(database_url) as connection:
        connection.execute("UPDATE reward_outbox SET state = 'DEAD' WHERE grant_id = $1", [first])
    assert position(database, first) is None
    assert position(database, second) == Position(0, 0, NOW + SECOND)


def test_the_queue_is_counted_once_per_interval_by_any_number_of_processes(
    database: Database, queue_up: Callable[..., list[UUID]]
) -> None:
    clock = ManualClock()
    queue_up(5)
    count(database, clock)
    queue_up(4, prefix="later ")
    clock.now += INTERVAL // 3
    assert depth(count(database, clock)) == 5
    clock.now += INTERVAL
    assert depth(count(database, clock)) == 9


def test_the_length_is_unknown_while_the_queue_cannot_be_counted(
    database: Database, database_url: str, queue_up: Callable[..., list[UUID]]
) -> None:
    clock, telemetry = ManualClock(), Telemetry()
    metrics = RewardTelemetry(telemetry)
    labels = {"provider": PROVIDER}

    def exported() -> list[float | None]:
        names = ("reward_queue_depth", "reward_oldest_due_seconds")
        return [telemetry.registry.get_sample_value(name, labels) for name in names]

    queue_up(5)
    count_queue(database, clock, metrics)
    assert depth(telemetry) == 5
    with connected(database_url) as connection:
        connection.execute("ALTER TABLE reward_queue_mark RENAME TO away")
        with pytest.raises(DatabaseUnavailable):
            count_queue(database, clock, metrics)
        assert all(value is not None and math.isnan(value) for value in exported())
        connection.execute("ALTER TABLE away RENAME TO reward_queue_mark")
    count_queue(database, clock, metrics)
    assert depth(telemetry) == 5


def depth(telemetry: Telemetry) -> int:
    """Return the exported length of the queue."""
    value = telemetry.registry.get_sample_value("reward_queue_depth", {"provider": PROVIDER})
    assert value is not None
    return int(value)
