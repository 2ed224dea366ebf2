"""Responses are the same whether settled grants were moved to the history or not."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import partial
from itertools import count
from uuid import UUID

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from shared.domain.claims import Claim, ClaimState, RefusalReason
from shared.domain.errors import ChallengeError
from shared.domain.events import Event
from shared.domain.grant_changes import Act, ActRefused, buried, refunded, retried
from shared.domain.grants import Granted, Refused, Reply, RetryPolicy, TryAgain, settle
from shared.domain.instant import DAY, SECOND, Instant
from shared.domain.reward import RewardType
from shared.operations.rewards import grant_admin
from shared.operations.rewards.claim import claim_reward
from shared.operations.rewards.claim_all import claim_all
from shared.operations.rewards.find_claims import list_claims
from shared.operations.rewards.grant_admin import OperatorAction, perform
from shared.operations.rewards.settle import record
from shared.postgres.connection import Connection
from shared.postgres.database import Database
from shared.postgres.operators import player_data
from shared.postgres.rewards import delivery_queue, outbox
from shared.postgres.rewards.delivery_queue import Lease, Settled
from shared.runtime.clock import system_clock
from tests.support.databases import flushed, opened, soon
from tests.support.goals import catalogue_of, goal
from tests.support.grant_moves import let_grants_move, move_all
from tests.support.postgres_server import PostgresServer
from tests.support.strategies import KILLS

GOALS = [goal(f"goal {number}", target=1) for number in range(2)]
CATALOGUE = catalogue_of(*GOALS)
PROVIDER = "game"
POLICY = RetryPolicy(attempts_max=2)
REPLIES: dict[str, Reply] = {
    "granted": Granted(),
    "fails": TryAgain("away"),
    "full": Refused(RefusalReason.INVENTORY_FULL),
    "unknown": Refused(RefusalReason.PLAYER_UNKNOWN),
}
PLAYERS = count()
CHANGES: dict[Act, Callable[..., object]] = {Act.RETRY: retried, Act.REFUND: refunded, Act.BURY: buried}
CLAIMS = st.tuples(st.just("claim"), st.integers(0, 1), st.sampled_from([None, "a", "b"]))
DELIVERIES = st.tuples(st.just("deliver"), st.sampled_from(sorted(REPLIES)), st.none())
ACTS = st.tuples(st.just("act"), st.integers(0, 1), st.sampled_from(sorted(CHANGES)))
MOVES = st.tuples(st.just("move"), st.none(), st.none())
DELIVERED_AND_MOVED = st.tuples(st.just("deliver and move"), st.sampled_from(sorted(REPLIES)), st.none())
STEPS = st.lists(st.one_of(CLAIMS, DELIVERIES, ACTS, MOVES, DELIVERED_AND_MOVED), min_size=6, max_size=16)
BACK = [
    [("claim", 0, "a"), ("deliver and move", reply, None), ("act", 0, act), ("claim", 0, "a"), ("claim", 0, "b")]
    for reply, act in (("granted", Act.REFUND), ("unknown", Act.RETRY), ("full", Act.REFUND))
]
"""Operators change grants that were moved."""


class Side:
    """A database in which settled grants are moved, or stay."""

    def __init__(self, database: Database, *, moves: bool) -> None:
        self.database = database
        self.moves = moves
        self.player = ""
        self.now = 0

    def begin(self, player: str, now: Instant) -> None:
        self.player, self.now = player, now
        flushed(self.database, CATALOGUE, [Event("1", player, now, KILLS, delta=1)])

    def perform(self, step: tuple[str, int | str | None, str | None]) -> object:
        """Perform a step, and return what its caller gets."""
        name, first, second = step
        # Steps of real time, so that a request id is remembered.
        self.now += SECOND
        try:
            if name == "claim":
                return self.claim(GOALS[int(first or 0)].id, second)
            if name == "deliver":
                return self.deliver(REPLIES[str(first)])
            if name == "act":
                return self.act(GOALS[int(first or 0)].id, Act(str(second)))
            delivered = self.deliver(REPLIES[str(first)]) if name == "deliver and move" else None
            if self.moves:
                move_all(self.database, self.now + SECOND)
            return delivered
        except (ChallengeError, ActRefused) as error:
            return type(error), str(error)

    def claim(self, goal_id: str, request_id: str | None) -> Claim:
        return claim_reward(
            self.database,
            CATALOGUE,
            self.player,
            CATALOGUE.goals[goal_id],
            request_id,
            self.now,
            soon(),
            routes={RewardType.WALLET: PROVIDER},
        )

    def deliver(self, reply: Reply) -> list[tuple[str, int]]:
        lease = Lease(PROVIDER, "tests", self.now + SECOND)
        due = self.database.autocommit(
            lambda connection: delivery_queue.lease_due(connection, lease, 100, self.now), soon()
        )
        outcomes = [Settled(each, settle(each.attempt, each.failures, reply, POLICY, 0.5, self.now)) for each in due]
        record(self.database, outcomes, self.now, soon())
        return [(each.grant_id, each.attempt) for each in due if each.key.user_id == self.player]

    def act(self, goal_id: str, act: Act) -> object:
        claims = [claim for claim in self.listed() if claim.key.goal_id == goal_id]
        if not claims:
            return None
        action = OperatorAction(act, partial(CHANGES[act], now=self.now), "ada", "a test")  # type: ignore[arg-type]
        status = perform(self.database, UUID(claims[0].grant_id), action, self.now, soon(), dry=False)
        # When a settled grant had been due is not kept, and never shown.
        return status if status.state is ClaimState.PENDING else status._replace(due_time=self.now)

    def listed(self) -> list[Claim]:
        return list_claims(self.database, self.player, (), None, 100, soon())

    def seen(self) -> object:
        """Return everything that can be seen of the player's claims."""
        claims = self.listed()
        pages = [list_claims(self.database, self.player, (), UUID(claim.grant_id), 2, soon()) for claim in claims]

        def read(connection: Connection) -> object:
            named = [outbox.find_by_request(connection, self.player, request) for request in ("a", "b", "c")]
            each = [outbox.find_by_grant(connection, self.player, UUID(claim.grant_id)) for claim in claims]
            newest = outbox.find_newest(connection, self.player, [claim.key for claim in claims])
            return named, each, newest

        exported = self.database.autocommit(lambda connection: player_data.read_rows(connection, self.player), soon())
        return (
            claims,
            pages,
            self.database.autocommit(read, soon()),
            sorted(_content(row) for row in exported if row.table in ("reward_outbox", "completion", "standing")),
        )


def _content(row: player_data.PlayerRow) -> tuple[str, str]:
    """Return a row of an export, without when a settled grant had been due."""
    content = json.loads(row.content)
    if content.get("state") in ("GRANTED", "REFUSED", "REFUNDED"):
        del content["due_time"]
    return row.table, json.dumps(content, sort_keys=True)


@pytest.fixture(scope="module")
def sides(postgres_server: PostgresServer) -> Iterator[tuple[Side, Side]]:
    """Yield a database in which grants move and one in which they stay."""
    with postgres_server.fresh_database() as one, postgres_server.fresh_database() as other:
        let_grants_move(one)
        with opened(one, pool_size=2) as moving, opened(other, pool_size=2) as staying:
            yield Side(moving, moves=True), Side(staying, moves=False)


@settings(max_examples=25)
@given(steps=STEPS)
@example(steps=BACK[0])
@example(steps=BACK[1])
@example(steps=BACK[2])
def test_moves_change_no_response(
    sides: tuple[Side, Side], steps: list[tuple[str, int | str | None, str | None]]
) -> None:
    player, now = f"player {next(PLAYERS)}", system_clock() - DAY
    for side in sides:
        side.begin(player, now)
    for step in steps:
        moved, stayed = (side.perform(step) for side in sides)
        assert moved == stayed, step
        assert sides[0].seen() == sides[1].seen(), step
    all_claimed = [
        claim_all(side.database, CATALOGUE, player, GOALS, side.now, soon(), routes={RewardType.WALLET: PROVIDER})
        for side in sides
    ]
    assert all_claimed[0] == all_claimed[1]
    reports = [grant_admin.report(side.database, soon()) for side in sides]
    assert reports[0] == reports[1]
    assert reports[0].agrees
