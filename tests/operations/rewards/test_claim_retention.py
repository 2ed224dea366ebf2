"""Settled claims go after their completions, and audits when they are old; nothing else goes."""

from __future__ import annotations

import pytest

from shared.domain.instant import DAY
from shared.operations.rewards import grant_admin
from shared.operations.rewards.retain_claims import ClaimRetention
from shared.operations.statistics.recalculate import recalculate
from shared.postgres.database import Database
from shared.runtime.clock import system_clock
from tests.support.completion_retention import CATALOGUE, LATER, claim_daily, play, retention, settle
from tests.support.databases import connected, soon
from tests.support.services import rows

KEPT_D = 400


def one_pass(database: Database, *, claims: int = KEPT_D, audits: int = 0, now: int = LATER) -> int:
    return ClaimRetention(database, claims * DAY, audits * DAY, lambda _: False).one_pass(now)


@pytest.fixture
def claimed(database: Database, database_url: str) -> Database:
    """Return a database with a claim of a past period, which is settled."""
    play(database)
    claim_daily(database)
    settle(database_url)
    with connected(database_url) as connection:
        connection.execute("UPDATE reward_outbox SET settle_time = create_time")
    return database


def test_a_settled_claim_goes_once_its_completion_was_carried_forward(claimed: Database, database_url: str) -> None:
    assert one_pass(claimed) == 0, "its completion is there"
    assert retention(claimed).one_pass(CATALOGUE, LATER) > 0
    assert one_pass(claimed, now=LATER - 1_000 * DAY) == 0, "it is too young"
    assert one_pass(claimed) == 1
    assert one_pass(claimed) == 0
    assert rows(database_url, "SELECT count(*) FROM reward_outbox WHERE period_start <> 'epoch'") == [(0,)]
    assert grant_admin.report(claimed, soon()).agrees
    assert recalculate(claimed, CATALOGUE, ["player"], soon()) == []


@pytest.mark.parametrize("state", ["PENDING", "DEAD"])
def test_a_claim_that_may_still_change_stays(claimed: Database, database_url: str, state: str) -> None:
    retention(claimed).one_pass(CATALOGUE, LATER)
    with connected(database_url) as connection:
        connection.execute("UPDATE reward_outbox SET state = $1", (state,))
    assert one_pass(claimed) == 0


def test_claims_of_the_lifetime_stay(claimed: Database, database_url: str) -> None:
    with connected(database_url) as connection:
        connection.execute("UPDATE reward_outbox SET period_start = 'epoch'")
        connection.execute("DELETE FROM completion")
        connection.execute(
            "INSERT INTO carried_completion SELECT user_id, goal_id, 'arena', '{}', 1, 1, 1, 0, NULL, NULL, 'epoch'"
            " FROM reward_outbox"
        )
    assert one_pass(claimed) == 0


def test_old_audits_go_and_none_that_is_younger_than_the_database_allows(database: Database, database_url: str) -> None:
    with connected(database_url) as connection:
        for age in (500, 399, 0):
            connection.execute(
                "INSERT INTO operator_audit (act_time, kind, reason)"
                " VALUES (now() - $1 * interval '1 day', 'x', $1::text)",
                (age,),
            )
            connection.execute(
                "INSERT INTO reward_audit (act_time, operator, action, grant_id, reason, before)"
                " VALUES (now() - $1 * interval '1 day', 'ada', 'bury', gen_random_uuid(), 'why', '{}')",
                (age,),
            )
        connection.execute("UPDATE operator_audit SET record_time = act_time")
        connection.execute("UPDATE reward_audit SET record_time = act_time")
    one_pass(database, claims=0, audits=0, now=system_clock())
    assert rows(database_url, "SELECT count(*) FROM operator_audit WHERE kind = 'x'") == [(3,)]
    # A clock that is ahead deletes nothing that is too young.
    one_pass(database, claims=0, audits=KEPT_D, now=system_clock() + 10_000 * DAY)
    assert rows(database_url, "SELECT reason FROM operator_audit WHERE kind = 'x' ORDER BY 1") == [("0",), ("399",)]
    assert rows(database_url, "SELECT count(*) FROM reward_audit") == [(2,)]


def test_a_writer_cannot_make_its_audit_old(database: Database, database_url: str) -> None:
    with connected(database_url) as connection:
        connection.execute(
            "INSERT INTO operator_audit (act_time, kind, reason, record_time) VALUES ('epoch', 'x', 'y', 'epoch')"
        )
        connection.execute(
            "INSERT INTO reward_audit (act_time, operator, action, grant_id, reason, before, record_time)"
            " VALUES ('epoch', 'ada', 'bury', gen_random_uuid(), 'why', '{}', 'epoch')"
        )
    one_pass(database, claims=0, audits=KEPT_D, now=system_clock() + 10_000 * DAY)
    assert rows(database_url, "SELECT count(*) FROM operator_audit WHERE kind = 'x'") == [(1,)]
    assert rows(database_url, "SELECT count(*) FROM reward_audit") == [(1,)]
