"""Actions of operators on grants."""

from __future__ import annotations

import time
from functools import partial
from uuid import UUID

import pytest

from admin.__main__ import main
from shared.domain.claims import Claim, ClaimState, RefusalReason
from shared.domain.grant_changes import Act, ActRefused, GrantStatus, buried, prioritised, refunded, rerouted, retried
from shared.domain.grants import Refused, RetryPolicy, TryAgain
from shared.domain.instant import HOUR, SECOND
from shared.operations.rewards import grant_admin
from shared.operations.rewards.grant_admin import Change, OperatorAction
from shared.postgres.database import Database
from tests.support.databases import connected, soon
from tests.support.game_provider import GameProvider
from tests.support.rewards import destination, dispatch_all, dispatching, grants_in_outbox, pass_until, store_claim
from tests.support.services import NOW, ManualClock


def act(database: Database, claim: Claim, what: Act, change: Change, *, dry: bool = False) -> GrantStatus:
    action = OperatorAction(what, change, "ada", "a player wrote to us")
    return grant_admin.perform(database, UUID(claim.grant_id), action, NOW + HOUR, soon(), dry=dry)


def refund(database: Database, claim: Claim, *, dry: bool = False) -> GrantStatus:
    return act(database, claim, Act.REFUND, lambda grant: refunded(grant, NOW + HOUR), dry=dry)


def retry(database: Database, claim: Claim) -> GrantStatus:
    return act(database, claim, Act.RETRY, lambda grant: retried(grant, NOW + HOUR))


def bury(database: Database, claim: Claim) -> GrantStatus:
    return act(database, claim, Act.BURY, lambda grant: buried(grant, NOW + HOUR))


def deliver(database: Database, database_url: str, provider: GameProvider, clock: ManualClock | None = None) -> None:
    with dispatching(database, destination(provider), clock or ManualClock(NOW + HOUR)) as dispatcher:
        dispatch_all([dispatcher], database_url)


def test_a_buried_grant_is_not_delivered_until_it_is_retried(database: Database, database_url: str) -> None:
    claim, provider = store_claim(database, "player", NOW), GameProvider()
    assert bury(database, claim).state is ClaimState.DEAD
    with dispatching(database, destination(provider), ManualClock(NOW + HOUR)) as dispatcher:
        for _ in range(3):
            dispatcher.one_pass()
        assert provider.asked == []
        assert retry(database, claim).state is ClaimState.PENDING
        dispatch_all([dispatcher], database_url)
    assert set(provider.ledger) == {claim.grant_id}


def test_a_retried_dead_grant_keeps_its_key_and_has_all_its_attempts_again(
    database: Database, database_url: str
) -> None:
    claim = store_claim(database, "player", NOW)
    clock, provider = ManualClock(), GameProvider(lambda _: TryAgain("away"))
    policy = RetryPolicy(attempts_max=2, first_pause=SECOND)
    with dispatching(database, destination(provider, policy=policy), clock) as dispatcher:

        def dead() -> bool:
            [stored] = grants_in_outbox(database_url)
            if stored.state is ClaimState.PENDING:
                clock.now += HOUR
            return stored.state is ClaimState.DEAD

        pass_until([dispatcher], dead)
        provider.behaviour = lambda _: None
        assert retry(database, claim).attempts == 0
        clock.now += HOUR
        dispatch_all([dispatcher], database_url)
    assert set(provider.ledger) == {claim.grant_id}


def test_a_refund_makes_the_goal_claimable_again_with_a_new_grant(database: Database, database_url: str) -> None:
    first, provider = store_claim(database, "player", NOW), GameProvider()
    deliver(database, database_url, provider)
    assert refund(database, first).state is ClaimState.REFUNDED
    second = store_claim(database, "player", NOW + SECOND)
    assert second.claim_number == 2
    deliver(database, database_url, provider)
    assert set(provider.ledger) == {first.grant_id, second.grant_id}
    with pytest.raises(ActRefused):
        refund(database, first)


def test_a_grant_that_may_be_in_delivery_is_not_refunded(database: Database, database_url: str) -> None:
    claim, provider = store_claim(database, "player", NOW), GameProvider(lambda _: TryAgain("who knows"))
    with dispatching(database, destination(provider), ManualClock()) as dispatcher:
        pass_until([dispatcher], lambda: grants_in_outbox(database_url)[0].last_error)
    with pytest.raises(ActRefused, match="may be delivering it"):
        refund(database, claim)
    bury(database, claim)
    refund(database, claim)


def test_a_grant_whose_goal_is_claimable_again_cannot_be_retried_or_refunded(
    database: Database, database_url: str
) -> None:
    claim = store_claim(database, "player", NOW)
    deliver(database, database_url, GameProvider(lambda _: Refused(RefusalReason.INVENTORY_FULL)))
    for attempt in (retry, refund):
        with pytest.raises(ActRefused, match="claimable again"):
            attempt(database, claim)


def test_only_an_untried_grant_moves_to_another_provider(database: Database, database_url: str) -> None:
    untried, tried = store_claim(database, "untried", NOW + HOUR), store_claim(database, "tried", NOW)
    with dispatching(database, destination(GameProvider(lambda _: TryAgain("?"))), ManualClock()) as dispatcher:
        pass_until([dispatcher], lambda: grants_in_outbox(database_url)[0].last_error)
    change = partial(lambda to, grant: rerouted(grant, to), "webhook")
    assert act(database, untried, Act.REROUTE, change).provider == "webhook"
    with pytest.raises(ActRefused, match="may have granted it"):
        act(database, tried, Act.REROUTE, change)


def test_a_prioritised_grant_is_delivered_first(database: Database, database_url: str) -> None:
    provider = GameProvider()
    store_claim(database, "first", NOW)
    claim = store_claim(database, "second", NOW + SECOND)
    act(database, claim, Act.PRIORITISE, lambda grant: prioritised(grant, 1))
    with dispatching(database, destination(provider, concurrency=1), ManualClock(NOW + HOUR)) as dispatcher:
        dispatch_all([dispatcher], database_url)
    assert [delivery.key.user_id for delivery in provider.asked] == ["second", "first"]


def test_every_action_is_audited_and_a_dry_run_changes_nothing(database: Database) -> None:
    claim = store_claim(database, "player", NOW)
    assert refund(database, claim, dry=True).state is ClaimState.REFUNDED
    shown = grant_admin.show(database, UUID(claim.grant_id), soon())
    assert shown is not None
    assert (shown[0].status.state, shown[1]) == (ClaimState.PENDING, [])
    bury(database, claim)
    shown = grant_admin.show(database, UUID(claim.grant_id), soon())
    assert shown is not None
    [entry] = shown[1]
    assert (entry.operator, entry.act, entry.reason) == ("ada", Act.BURY, "a player wrote to us")
    assert entry.before == {"state": "PENDING", "provider": "game", "priority": 5, "attempts": 0}
    with pytest.raises(ActRefused, match="no such grant"):
        grant_admin.perform(
            database, UUID(int=7), OperatorAction(Act.BURY, lambda grant: grant, "a", "b"), NOW, soon(), dry=False
        )


def test_the_report_finds_claims_and_grants_that_do_not_agree(database: Database, database_url: str) -> None:
    granted, waiting = store_claim(database, "granted", NOW - SECOND), store_claim(database, "waiting", NOW + HOUR)
    with dispatching(database, destination(GameProvider()), ManualClock()) as dispatcher:
        pass_until([dispatcher], lambda: grants_in_outbox(database_url)[0].state is ClaimState.GRANTED)
    report = grant_admin.report(database, soon())
    assert report.agrees
    assert [(count.state, count.grants) for count in report.counts] == [
        (ClaimState.GRANTED, 1),
        (ClaimState.PENDING, 1),
    ]
    with connected(database_url) as connection:
        connection.execute("UPDATE completion SET claim_time = NULL WHERE user_id = 'granted'")
        connection.execute("DELETE FROM reward_outbox WHERE user_id = 'waiting'")
    report = grant_admin.report(database, soon())
    assert report.granted_not_claimed == [UUID(granted.grant_id)]
    assert report.claimed_without_grant == [waiting.key]


def test_the_command_performs_every_action(
    database: Database, database_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DATABASE_URL", database_url)
    claim = store_claim(database, "[bold]player", NOW)

    def rewards(*arguments: str) -> tuple[int, str]:
        status = main(["rewards", *arguments])
        captured = capsys.readouterr()
        return status, captured.out + captured.err

    why = ("--reason", "a player wrote to us", claim.grant_id)
    assert rewards("list", "--provider", "game", "--ids") == (0, f"{claim.grant_id}\n")
    [line] = [line for line in rewards("list", "--state", "PENDING")[1].splitlines() if claim.grant_id in line]
    assert line.split()[1:4] == ["PENDING", "game", "5"]
    assert "[bold]player" in line
    assert "would be PENDING, priority 2" in rewards("prioritise", "--to", "2", "--dry-run", *why)[1]
    assert "is PENDING, priority 1" in rewards("prioritise", "--to", "1", *why)[1]
    assert "provider log" in rewards("reroute", "--to", "log", *why)[1]
    assert rewards("bury", *why)[0] == 0
    assert "is PENDING" in rewards("retry", *why)[1]
    assert "is REFUNDED" in rewards("refund", *why)[1]
    assert rewards("retry", *why) == (
        1,
        f"{claim.grant_id}: not done: the grant is REFUNDED, must be PENDING or REFUSED or DEAD\n",
    )
    shown = rewards("show", claim.grant_id)[1]
    assert "[bold]player" in shown
    assert shown.count("a player wrote to us") == 5
    status, report = rewards("report")
    assert status == 0
    assert "claimed, not granted: 0 on their way, 0 dead, 0 refused" in report


@pytest.mark.usefixtures("database")
def test_the_report_has_more_time_than_other_commands(
    database_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setattr("admin.rewards.deadline", lambda limit_s=0.0: time.monotonic() + limit_s)
    assert main(["rewards", "report"]) == 0
    assert "every claim has its grant" in capsys.readouterr().out
