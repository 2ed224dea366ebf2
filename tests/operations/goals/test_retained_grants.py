"""Completions are kept as long as their grants may change, and grants of carried completions do not change."""

from __future__ import annotations

import threading
from functools import partial
from typing import Any
from uuid import UUID

import pytest

from shared.domain.grant_changes import Act, ActRefused, refunded, retried
from shared.domain.instant import DAY
from shared.operations.rewards import grant_admin
from shared.operations.rewards.grant_admin import OperatorAction, perform
from shared.postgres.database import Database
from shared.postgres.goals import completion_retention
from tests.support.completion_retention import (
    CATALOGUE,
    LATER,
    claim_daily,
    completed,
    lock_old,
    play,
    retention,
    settle,
)
from tests.support.databases import connected, opened, soon


@pytest.mark.parametrize("state", ["PENDING", "DEAD"])
def test_a_completion_whose_grant_may_change_is_kept(database: Database, database_url: str, state: str) -> None:
    play(database)
    claim = claim_daily(database)
    settle(database_url, state)
    kept = [("daily", claim.key.period_start // DAY), ("ever", 0)]
    assert retention(database).one_pass(CATALOGUE, LATER) > 0
    assert completed(database_url) == kept
    settle(database_url)
    assert retention(database).one_pass(CATALOGUE, LATER) == 1
    assert completed(database_url) == kept[1:]


def test_a_claim_without_its_grant_is_kept_for_the_report(database: Database, database_url: str) -> None:
    play(database)
    claim_daily(database)
    with connected(database_url) as connection:
        connection.execute("DELETE FROM reward_outbox")
    retention(database).one_pass(CATALOGUE, LATER)
    assert [key[:2] for key in grant_admin.report(database, soon()).claimed_without_grant] == [("player", "daily")]


def test_more_grants_than_were_carried_forward_are_reported(database: Database, database_url: str) -> None:
    play(database)
    claim = claim_daily(database)
    settle(database_url)
    retention(database).one_pass(CATALOGUE, LATER)
    assert grant_admin.report(database, soon()).agrees
    with connected(database_url) as connection:
        connection.execute("UPDATE carried_completion SET granted = 0")
    assert grant_admin.report(database, soon()).granted_not_claimed == [UUID(claim.grant_id)]


@pytest.mark.parametrize(("state", "refusal"), [("GRANTED", None), ("REFUSED", "PLAYER_UNKNOWN")])
def test_a_grant_whose_completion_was_carried_forward_is_neither_refunded_nor_retried(
    database: Database, database_url: str, state: str, refusal: str | None
) -> None:
    play(database)
    grant_id = UUID(claim_daily(database).grant_id)
    settle(database_url, state, refusal)
    retention(database).one_pass(CATALOGUE, LATER)
    for act, change in ((Act.REFUND, partial(refunded, now=LATER)), (Act.RETRY, partial(retried, now=LATER))):
        with pytest.raises(ActRefused, match="COMPLETION_RETENTION_D"):
            perform(database, grant_id, OperatorAction(act, change, "ada", "a test"), LATER, soon(), dry=False)
    assert grant_admin.report(database, soon()).agrees


def test_a_refund_waits_for_a_step_and_is_refused(database: Database, database_url: str) -> None:
    play(database)
    claim = claim_daily(database)
    settle(database_url)
    refused: list[str] = []

    def refund() -> None:
        action = OperatorAction(Act.REFUND, partial(refunded, now=LATER), "ada", "a test")
        try:
            perform(database, UUID(claim.grant_id), action, LATER, soon(), dry=False)
        except ActRefused as error:
            refused.append(str(error))

    operator = threading.Thread(target=refund)
    with opened(database_url, pool_size=1) as other:

        def step(connection: Any) -> None:
            before = {"daily": claim.key.period_start + 1}
            old = lock_old(connection, before)
            assert claim.key in {each.key for each in old}
            operator.start()
            assert completion_retention.carry(connection, old, LATER) == len(old)

        other.transact(step, soon())
    operator.join()
    assert len(refused) == 1


def test_a_grant_that_is_retried_before_its_completion_is_locked_keeps_it(
    database: Database, database_url: str
) -> None:
    play(database)
    claim = claim_daily(database)
    settle(database_url)

    def step(connection: Any) -> int:
        before = {"daily": claim.key.period_start + 1}
        old = lock_old(connection, before)
        settle(database_url, "PENDING")
        of_claim = [each for each in old if each.key == claim.key]
        return completion_retention.carry(connection, of_claim, LATER) if of_claim else -1

    assert database.transact(step, soon()) == 0
