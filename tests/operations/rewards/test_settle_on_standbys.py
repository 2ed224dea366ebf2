"""Outcomes of deliveries are on the required standbys before they count."""

from __future__ import annotations

import pytest

from shared.domain.claims import ClaimState
from shared.domain.errors import DatabaseUnavailable
from shared.domain.grants import Granted, RetryPolicy, settle
from shared.domain.instant import HOUR
from shared.operations.rewards.settle import record
from shared.postgres.database import Database
from shared.postgres.rewards import delivery_queue
from shared.postgres.rewards.delivery_queue import Lease, Settled
from tests.support.databases import soon
from tests.support.rewards import PROVIDER, states, store_claim
from tests.support.services import NOW


def test_an_outcome_is_not_recorded_while_a_required_standby_is_away(database_url: str) -> None:
    database = Database(database_url, pool_size=1, application_name="tests", synchronous=True)
    database.open()
    try:
        store_claim(database, "player", NOW)
        lease = Lease(PROVIDER, "tests", NOW + HOUR)
        due = database.autocommit(lambda connection: delivery_queue.lease_due(connection, lease, 10, NOW), soon())
        outcomes = [Settled(each, settle(1, 0, Granted(), RetryPolicy(), 0.5, NOW)) for each in due]
        # As the probe says.
        database.unreplicated = "the database has no synchronous standby"
        with pytest.raises(DatabaseUnavailable, match="no synchronous standby"):
            record(database, outcomes, NOW, soon())
        assert states(database_url) == {ClaimState.DELIVERING}
        database.unreplicated = None
        assert set(record(database, outcomes, NOW, soon())) == {each.grant_id for each in due}
        assert states(database_url) == {ClaimState.GRANTED}
    finally:
        database.close()
