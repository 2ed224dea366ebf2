"""The queue of grants when it is long, beside a short one."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from challenge.v1 import challenge_service_pb2 as rpc

from bench.database import connected
from bench.figures import Table, Unit, at_most
from bench.load import OpenLoop
from bench.samples import median
from bench.services import CHALLENGE_SERVICE
from bench.statements import statement
from bench.tables.calls import add_failures, add_latency
from bench.workplace import Ground, Workplace, calls_for
from shared.domain.claims import Claim, ClaimState, grant_id
from shared.domain.events import CompletionKey
from shared.domain.grants import Settlement
from shared.domain.instant import HOUR
from shared.domain.periods import LIFETIME_START
from shared.operations.rewards.claim import claim_reward
from shared.operations.rewards.dispatch import LEASED_PER_THREAD
from shared.operations.rewards.queue_position import EXACT
from shared.postgres.connection import Connection
from shared.postgres.database import Database
from shared.postgres.rewards import delivery_queue, outbox, queue_marks
from shared.postgres.rewards.delivery_queue import Lease, Settled
from shared.postgres.transaction import run_transaction
from shared.runtime.clock import system_clock
from shared.runtime.reward_settings import RewardSettings
from shared.runtime.settings import load

GET_CLAIM = "challenge.v1.ChallengeService/GetClaim"
RATE = 100.0
SHORT_QUEUE = 1_000
PROVIDER = "nobody"
"""Nothing is delivered meanwhile."""
SAMPLES_A_SECOND = 60
"""Of each operation in each queue, for each second that an interval lasts."""
DEADLINE_S = 10.0
COUNTED_S, POLL_S = 30.0, 0.05


def measure_queue(place: Workplace) -> Table:
    """Positions in the long queue, and what it costs to put something in and to lease, in turns with the short one."""
    long = place.terms.queued
    table = Table(
        "queue",
        f"The queue with {long:,} grants",
        "Grants of one provider in all nine priorities. A claim is all that ClaimReward does with the database; a "
        f"lease takes as many as a dispatcher at its defaults. In turns with a queue of {SHORT_QUEUE:,}; medians.",
    )
    with _queued(place, long) as ground, _queued(place, SHORT_QUEUE) as beside:
        _add_positions(table, place, ground)
        _add_costs(table, place, ground, beside)
    return table


@contextmanager
def _queued(place: Workplace, count: int) -> Iterator[Ground]:
    with place.ground() as ground:
        place.say(f"queue: {count:,} grants")
        with connected(ground.url) as connection:
            connection.execute("SET statement_timeout = 0")
            statement("queue_up").rows(connection, PROVIDER, count, system_clock())
            # As it is in the course of a day: most grants of a long queue have been there for a while.
            connection.execute("VACUUM (ANALYZE) reward_outbox")
        yield ground


def _add_positions(table: Table, place: Workplace, ground: Ground) -> None:
    stretch = place.terms.turn
    with connected(ground.url) as connection:
        waiting = statement("queued").rows(connection)
    runs = []
    with place.service(CHALLENGE_SERVICE, ground.url, ground.catalogue_path) as service:
        _wait_until_counted(ground)
        for where, some in (("anywhere in the queue", waiting), (f"among the first {EXACT:,}", waiting[:EXACT])):
            place.say(f"queue: GetClaim {where}")
            chosen = (ground.play.random.choice(some) for _ in range(calls_for(stretch, RATE)))
            requests = (
                rpc.GetClaimRequest(user_id=user_id, grant_id=str(grant_id)).SerializeToString()
                for user_id, grant_id in chosen
            )
            run = place.play(service, GET_CLAIM, requests, OpenLoop(rate=RATE), stretch)
            add_latency(table, f"of GetClaim at {RATE:g}/s, {where}", run, p95=10.0)
            runs.append(run)
    add_failures(table, runs)


def _wait_until_counted(ground: Ground) -> None:
    """The service counts the queue once it is up."""
    deadline = time.monotonic() + COUNTED_S
    with connected(ground.url) as connection:
        while not queue_marks.depths(connection) and time.monotonic() < deadline:
            time.sleep(POLL_S)


def _add_costs(table: Table, place: Workplace, ground: Ground, beside: Ground) -> None:
    count = max(20, int(SAMPLES_A_SECOND * place.terms.seconds))
    for name, operation, target in (
        ("a claim", _claims, 1.5),
        ("its own statement alone, without COMMIT", _rows, None),
        ("a lease", _leases, 1.5),
    ):
        place.say(f"queue: {name}")
        with operation(ground) as in_long, operation(beside) as in_short:
            pairs = [(in_long(), in_short()) for _ in range(count)]
        long_ms, short_ms = (1e3 * median(times) for times in zip(*pairs, strict=True))
        table.add(
            f"{name}, beside {SHORT_QUEUE:,} queued",
            long_ms / short_ms,
            Unit.RATIO,
            None if target is None else at_most(target),
            f"{long_ms:.2f} against {short_ms:.2f} ms",
        )


Timed = Callable[[], float]
"""Does an operation once, and answers how many seconds it took."""


@contextmanager
def _claims(ground: Ground) -> Iterator[Timed]:
    with connected(ground.url) as connection:
        completed = iter(statement("claimable").rows(connection))
    database = Database(ground.url, pool_size=1, application_name="bench")
    database.open()

    def claim() -> float:
        user_id, goal_id = next(completed)
        started = time.perf_counter()
        claim_reward(
            database,
            ground.catalogue,
            user_id,
            ground.catalogue.goals[goal_id],
            f"request {goal_id}",
            system_clock(),
            time.monotonic() + DEADLINE_S,
        )
        return time.perf_counter() - started

    try:
        yield claim
    finally:
        database.close()


@contextmanager
def _rows(ground: Ground) -> Iterator[Timed]:
    with connected(ground.url) as connection:
        # From the other end than the claims.
        completed = reversed(statement("claimable").rows(connection))

        def store(connection: Connection) -> float:
            user_id, goal_id = next(completed)
            key = CompletionKey(user_id, goal_id, LIFETIME_START, 1)
            reward = ground.catalogue.goals[goal_id].reward
            claim = Claim(key, f"request {goal_id}", ClaimState.PENDING, reward, grant_id(key, 1), system_clock())
            started = time.perf_counter()
            outbox.store(connection, claim, PROVIDER)
            return time.perf_counter() - started

        yield lambda: run_transaction(connection, store)


@contextmanager
def _leases(ground: Ground) -> Iterator[Timed]:
    count = LEASED_PER_THREAD * load(RewardSettings, {}).concurrency

    def lease(connection: Connection) -> float:
        now = system_clock()
        started = time.perf_counter()
        leased = delivery_queue.lease_due(connection, Lease(PROVIDER, "bench", now + HOUR), count, now)
        took_s = time.perf_counter() - started
        give_back = [Settled(delivery, Settlement(ClaimState.PENDING), begun=False) for delivery in leased]
        delivery_queue.settle(connection, give_back, now)
        return took_s

    with connected(ground.url) as connection:
        yield lambda: lease(connection)
