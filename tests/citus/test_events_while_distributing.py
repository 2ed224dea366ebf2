"""Events go on while `admin distribute` moves the tables of players: none is lost, and none counts twice."""

from __future__ import annotations

import pytest

from shared.operations.database_probe import probe_database
from shared.postgres.distribution.distribute import distribute
from tests.catalogue.documents import loaded
from tests.support.citus import SHARDS, CitusServer
from tests.support.databases import connected, opened
from tests.support.event_callers import calling
from tests.support.oracle import DOCUMENT, Oracle
from tests.support.services import ACTING, ManualClock, challenge_service, event_service

EVENTS_BEFORE, EVENTS_AFTER = 500, 500


@pytest.mark.slow
def test_events_go_on_while_the_tables_are_distributed(citus_server: CitusServer) -> None:
    clock = ManualClock()
    oracle = Oracle(clock.now, seed=15)
    with citus_server.migrated_database() as url:
        with (
            event_service(url, loaded(DOCUMENT), clock=clock) as first,
            event_service(url, loaded(DOCUMENT), clock=clock) as second,
            calling(oracle, [first, second]),
        ):
            oracle.wait_for_acknowledged(EVENTS_BEFORE)
            with connected(url) as operator:
                assert distribute(operator, SHARDS, ACTING)
            oracle.wait_for_acknowledged(EVENTS_AFTER)
        with challenge_service(url, loaded(DOCUMENT), clock=clock) as reader:
            judgement = oracle.judge(reader)
        print(f"\ndistributed under load: {judgement}")  # noqa: T201
        judgement.assert_right()
        with opened(url, pool_size=1) as database:
            assert probe_database(database) is None
