"""Delivering grants: lease what is due, take it to the provider, record what it answered.

The three never overlap for one grant, and no database connection is held while a provider is asked. A dispatcher that
dies leaves leases behind, which `shared.operations.rewards.reconcile` takes up.
"""

from __future__ import annotations

import logging
import random
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import NamedTuple

from shared.domain.breaker import Breaker
from shared.domain.claims import ClaimState
from shared.domain.grants import Answer, Delivery, Provider, RetryPolicy, Settlement, TryAgain, settle
from shared.domain.instant import SECOND, Instant
from shared.operations.rewards.reward_telemetry import RewardTelemetry
from shared.operations.rewards.settle import record
from shared.postgres.database import Database
from shared.postgres.rewards import delivery_queue
from shared.postgres.rewards.delivery_queue import Lease, Settled
from shared.runtime.clock import Clock
from shared.runtime.process_name import ProcessName

log = logging.getLogger(__name__)

POLL_S = 0.1
"""How often an idle dispatcher looks: half of it is what a claim waits for delivery on average."""
PASS_INTERVAL_S = 0.01
"""Between passes. A pass under load has dozens of outcomes to record, so this holds up nothing."""
STATEMENT_S = 5.0
LEASE_MARGIN: Instant = 5 * SECOND
"""What a lease lasts beyond two timeouts of the provider: for the statements, and for clocks that differ."""
LEASED_PER_THREAD = 4
"""Grants leased for each that can be under way, so that no thread waits for the next lease."""
RECALLED_MAX = 10_000
"""Grants that are remembered to have failed in an outage. The breaker lets two a minute try."""

_BACK_IN_THE_QUEUE = Settlement(ClaimState.PENDING)


@dataclass(frozen=True, kw_only=True)
class Destination:
    """Where a dispatcher delivers to, and within which bounds."""

    name: str
    """The provider's, as grants name it."""
    provider: Provider
    timeout_s: float
    """What the provider takes at most for an answer, seldom twice that."""
    concurrency: int
    """Deliveries under way at once."""
    policy: RetryPolicy
    owner: ProcessName
    """Which process leases."""
    poll_s: float = POLL_S
    """How often to look for claims while there is nothing to do."""

    @property
    def timeout(self) -> Instant:
        """The timeout in microseconds."""
        return int(self.timeout_s * SECOND)

    def lease(self, now: Instant) -> Lease:
        """A lease that lasts for an attempt that begins soon."""
        return Lease(self.name, str(self.owner), now + 2 * self.timeout + LEASE_MARGIN)


class _Answered(NamedTuple):
    delivery: Delivery
    answer: Answer | None
    """None: the provider was not asked."""


class Dispatcher:
    """Serves one provider. Any number of dispatchers may serve the same one, in as many processes."""

    def __init__(
        self,
        database: Database,
        destination: Destination,
        clock: Clock,
        telemetry: RewardTelemetry,
        *,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._database = database
        self._destination = destination
        self._clock = clock
        self._telemetry = telemetry.of_provider(destination.name)
        self._jitter = jitter
        self._breaker = Breaker()
        self._threads = ThreadPoolExecutor(destination.concurrency, thread_name_prefix=f"deliver {destination.name}")
        self._answers: SimpleQueue[_Answered] = SimpleQueue()
        self._leased = 0
        """Grants that are leased and not answered yet."""
        self._unrecorded: list[Settled] = []
        self._failed: deque[str] = deque(maxlen=RECALLED_MAX)
        """Grants that have failed since the provider last answered."""
        self._recalled: set[str] = set()
        """Of these, the ones that an outage is to blame for, which is over."""
        self._queue_may_hold_more = True
        self._closing = False

    def one_pass(self) -> None:
        """Take in answers, record them, lease anew. Waits `poll_s` at most, if there is nothing to do.

        Raises what the database raises; what could not be recorded is recorded by a later pass.
        """
        self._take_answers(0.0 if self._queue_may_hold_more else self._destination.poll_s)
        self._record()
        self._recall()
        self._lease()

    def close(self) -> None:
        """Let deliveries under way end, give back what was not begun, record all. When nobody calls `one_pass` more."""
        self._closing = True
        self._threads.shutdown()
        self._take_answers(0.0)
        self._record()

    def _take_answers(self, wait_s: float) -> None:
        try:
            answered = self._answers.get(timeout=wait_s) if wait_s else self._answers.get_nowait()
            while True:
                self._leased -= 1
                self._unrecorded.append(self._settled(answered))
                answered = self._answers.get_nowait()
        except Empty:
            return

    def _settled(self, answered: _Answered) -> Settled:
        delivery, answer = answered
        if answer is None:
            return Settled(delivery, _BACK_IN_THE_QUEUE, begun=False)
        now = self._clock()
        if isinstance(answer, TryAgain):
            self._breaker.failed(now)
            if not answer.retry_after:
                self._failed.append(delivery.grant_id)
        else:
            if self._breaker.outage(now) >= self._destination.policy.outage:
                self._recalled.update(self._failed)
            self._failed.clear()
            self._breaker.succeeded()
        self._telemetry.breaker_open(self._breaker.is_open)
        return Settled(delivery, settle(delivery.attempt, answer, self._destination.policy, self._jitter(), now))

    def _record(self) -> None:
        if not self._unrecorded:
            return
        outcomes = self._unrecorded
        recorded = record(self._database, outcomes, self._clock(), time.monotonic() + STATEMENT_S)
        self._unrecorded = []
        for delivery, settlement, begun in outcomes:
            if delivery.grant_id not in recorded:
                self._telemetry.lease_lost()
            elif begun:
                self._telemetry.settled(settlement.state, delivery.attempt)

    def _recall(self) -> None:
        """After an outage nothing waits for its end any more: what has failed in it would else come last, for minutes,
        although it was claimed first."""
        if not self._recalled:
            return
        recalled = self._recalled
        self._database.autocommit(
            lambda connection: delivery_queue.recall(connection, recalled), time.monotonic() + STATEMENT_S
        )
        self._recalled = set()

    def _lease(self) -> None:
        now = self._clock()
        room = self._destination.concurrency * LEASED_PER_THREAD - self._leased
        wanted = self._breaker.admits(self._leased, room, now)
        if not wanted:
            self._queue_may_hold_more = False
            return
        lease = self._destination.lease(now)
        deliveries = self._database.autocommit(
            lambda connection: delivery_queue.lease_due(connection, lease, wanted, now), time.monotonic() + STATEMENT_S
        )
        self._queue_may_hold_more = len(deliveries) == room
        self._leased += len(deliveries)
        for delivery in deliveries:
            self._threads.submit(self._deliver, delivery, self._breaker.is_open)

    def _deliver(self, delivery: Delivery, probing: bool) -> None:
        """In a thread of its own; whatever happens, there is an answer."""
        try:
            answer = self._asked(delivery, probing)
        except Exception as error:
            # A provider never raises: this is a bug of ours, and the grant must not be lost by it.
            log.exception("delivery failed", extra={"provider": self._destination.name, "grant_id": delivery.grant_id})
            answer = TryAgain(f"bug: {error!r}")
        self._answers.put(_Answered(delivery, answer))

    def _asked(self, delivery: Delivery, probing: bool) -> Answer | None:
        if self._breaker.is_open and not probing:
            # Leased before the provider was known to be away. A look from another thread, which may be late.
            return None
        if self._closing or self._clock() + self._destination.timeout > delivery.lease_until:
            # It waited behind slow ones for so long that its lease might end before the answer is there.
            return None
        started = time.monotonic()
        answer = self._destination.provider.grant(delivery)
        self._telemetry.took(time.monotonic() - started)
        return answer
