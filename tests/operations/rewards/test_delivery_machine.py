"""Each claim is granted at most once and settled, whichever process dies and whatever the provider replies."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import count
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from shared.domain.claims import CLAIMABLE_AGAIN, Claim, ClaimState, RefusalReason
from shared.domain.grants import (
    FINAL,
    Delivery,
    Granted,
    Refused,
    Reply,
    RetryPolicy,
    TryAgain,
    Undetermined,
    settle,
)
from shared.domain.instant import HOUR
from shared.operations.goals.view_player import view_player
from shared.operations.rewards.settle import record
from shared.postgres.database import Database
from shared.postgres.rewards import delivery_queue, outbox
from shared.postgres.rewards.delivery_queue import Lease, Settled
from tests.support.databases import soon
from tests.support.game_provider import GameProvider
from tests.support.rewards import PROVIDER, store_claim
from tests.support.services import NOW

PLAYERS = count()
POLICY = RetryPolicy(attempts_max=4)
LEASE = HOUR

REPLIES = st.sampled_from(
    [
        "granted",
        "granted, but the response is lost",
        "failed",
        "garbled",
        *(f"refused {reason}" for reason in RefusalReason),
    ]
)
DIES = st.sampled_from(["never", "never", "after the lease", "after the reply", "after recording"])
STEPS = st.lists(st.tuples(st.sampled_from(["deliver", "come back late", "reconcile"]), REPLIES, DIES), max_size=12)


class Machine:
    """The states of a grant, one step at a time, with dispatchers that die between any two steps."""

    def __init__(self, database: Database, claim: Claim, provider: GameProvider) -> None:
        self.database = database
        self.claim = claim
        self.provider = provider
        self.now = NOW
        self.late: list[tuple[Delivery, Reply]] = []
        """Outcomes that dead dispatchers would have recorded."""
        self.numbers = [0]
        """The numbers of the attempts that the provider has seen."""

    def state(self) -> ClaimState:
        return self.stored().state

    def stored(self) -> Claim:
        user_id, grant_id = self.claim.key.user_id, UUID(self.claim.grant_id)
        found = self.database.autocommit(lambda connection: outbox.find_by_grant(connection, user_id, grant_id), soon())
        assert found is not None
        return found

    def deliver(self, reply: str, dies: str) -> None:
        self.now += HOUR
        lease = Lease(PROVIDER, "tests", self.now + LEASE)
        for delivery in self.database.autocommit(
            lambda connection: delivery_queue.lease_due(connection, lease, 10, self.now), soon()
        ):
            if delivery.grant_id != self.claim.grant_id or dies == "after the lease":
                continue
            if delivery.was_lost:
                assert self.database.autocommit(partial(delivery_queue.begin, delivery=delivery), soon())
            assert delivery.attempt > self.numbers[-1], "a later attempt looks like an earlier one"
            self.numbers.append(delivery.attempt)
            said = self.ask(delivery, reply, self.provider)
            if dies == "after the reply":
                self.late.append((delivery, said))
                continue
            self.record(delivery, said)
            if dies == "after recording":
                self.late.append((delivery, said))

    def reconcile(self, reply: str, dies: str) -> None:
        self.now += 2 * LEASE
        lease = Lease(PROVIDER, "tests", self.now + LEASE)
        for delivery in self.database.autocommit(
            lambda connection: delivery_queue.take_stale(connection, lease, 10, self.now), soon()
        ):
            if delivery.grant_id != self.claim.grant_id:
                continue
            found = self.provider.find(delivery) if reply == "granted" else None
            said = Undetermined("lost") if found is None else found
            if dies in ("never", "after recording"):
                self.record(delivery, said)

    def come_back_late(self) -> None:
        """Record the outcomes of dispatchers that were thought dead."""
        for delivery, said in self.late:
            self.record(delivery, said)

    def record(self, delivery: Delivery, reply: Reply) -> None:
        settlement = settle(delivery.attempt, delivery.failures, reply, POLICY, 0.5, self.now)
        record(self.database, [Settled(delivery, settlement)], self.now, soon())

    def ask(self, delivery: Delivery, reply: str, provider: GameProvider) -> Reply:
        if delivery.grant_id in provider.ledger:
            # The game has given the reward, so it does not refuse the grant any more.
            return TryAgain("timed out") if reply != "granted" else Granted()
        if reply == "granted":
            return provider.give(delivery)
        if reply == "granted, but the response is lost":
            provider.give(delivery)
            return TryAgain("timed out")
        if reply.startswith("refused "):
            return Refused(RefusalReason(reply.removeprefix("refused ")))
        return TryAgain(reply)


@given(steps=STEPS, remembers=st.booleans())
def test_a_claim_is_granted_at_most_once_and_always_settled(
    one_connection: Database, steps: list[tuple[str, str, str]], remembers: bool
) -> None:
    provider = GameProvider(remembers=remembers)
    machine = Machine(one_connection, store_claim(one_connection, f"player {next(PLAYERS)}", NOW), provider)
    before = machine.state()
    for step, reply, dies in steps:
        perform: dict[str, Callable[[], None]] = {
            "deliver": lambda: machine.deliver(reply, dies),  # noqa: B023 - called at once
            "reconcile": lambda: machine.reconcile(reply, dies),  # noqa: B023 - called at once
            "come back late": machine.come_back_late,
        }
        perform[step]()
        after = machine.state()
        assert before not in FINAL or after is before, "a final state does not change"
        before = after
        assert len(provider.ledger) <= 1

    # From any state the grant is settled within its attempts.
    for _ in range(2 * POLICY.attempts_max + 2):
        machine.reconcile("granted", "never")
        machine.deliver("granted", "never")
    machine.come_back_late()
    ended = machine.stored()
    assert ended.state in FINAL
    assert ended.attempts <= POLICY.attempts_max
    begun = len(machine.numbers) - 1
    if ended.state is ClaimState.DEAD:
        # The first lost attempt counts though it may not have been begun.
        assert begun >= POLICY.attempts_max - 1
    assert len(provider.ledger) <= 1
    assert (ended.state is ClaimState.GRANTED) <= (ended.grant_id in provider.ledger)
    if ended.state is ClaimState.REFUSED:
        assert provider.ledger == {}
        assert _claimable(one_connection, ended) == (ended.refusal in CLAIMABLE_AGAIN)
    else:
        assert not _claimable(one_connection, ended)


def _claimable(database: Database, claim: Claim) -> bool:
    completion = view_player(database, claim.key.user_id, soon()).completions[claim.key.goal_id]
    return completion.claim_time is None
