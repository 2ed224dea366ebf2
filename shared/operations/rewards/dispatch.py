"""Delivery of grants: lease due grants, send them to the provider, record its replies.

The three steps never overlap for one grant, and no database connection is held during a call to the provider. The
leases of a dispatcher that dies are taken over by `shared.operations.rewards.reconcile`.
"""

from __future__ import annotations

import logging
import random
import time
from collections import deque
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import NamedTuple

from shared.domain.breaker import Breaker
from shared.domain.claims import ClaimState
from shared.domain.errors import ChallengeError
from shared.domain.grants import Delivery, Reply, Settlement, TryAgain, settle
from shared.domain.instant import SECOND
from shared.operations.rewards.delivery_threads import DeliveryThreads
from shared.operations.rewards.destination import Destination
from shared.operations.rewards.reward_telemetry import RewardTelemetry
from shared.operations.rewards.settle import record
from shared.postgres.database import Database
from shared.postgres.rewards import delivery_queue
from shared.postgres.rewards.delivery_queue import Settled
from shared.runtime.clock import Clock

log = logging.getLogger(__name__)

PASS_INTERVAL_S = 0.01
"""Pause between passes. Under load a pass records dozens of outcomes, so the pause delays nothing."""
STATEMENT_TIMEOUT_S = 5.0
LEASED_PER_THREAD = 4
"""Leased grants per delivery thread, so that no thread waits for the next lease."""
RECALLED_MAX = 10_000
"""Bound of the list of grants that failed in an outage. The breaker permits two attempts per minute."""

_BACK_IN_THE_QUEUE = Settlement(ClaimState.PENDING)


class _Leased(NamedTuple):
    delivery: Delivery
    probing: bool
    """True if it was leased to find out if the provider is back."""


class _Replied(NamedTuple):
    delivery: Delivery
    reply: Reply | None
    """None if the provider was not called."""


class Dispatcher:
    """Dispatcher for one provider. Any number of processes may dispatch to the same provider."""

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
        self._threads = DeliveryThreads(destination.concurrency, f"deliver {destination.name}", self._deliver)
        self._replies: SimpleQueue[_Replied | None] = SimpleQueue()
        """Replies of the provider; None wakes the dispatcher."""
        self._poll_s = destination.poll_s
        """The next wait while there is nothing to do."""
        self._leased = 0
        """Number of leased grants without a reply yet."""
        self._unrecorded: list[Settled] = []
        self._failed: deque[str] = deque(maxlen=RECALLED_MAX)
        """Grants that have failed since the provider's last reply."""
        self._recalled: set[str] = set()
        """Grants that failed because of an outage that has ended."""
        self._queue_may_hold_more = True
        self._closing = False
        self._woken = False
        """True while a wake-up is in the queue, so that there is never more than one."""

    def one_pass(self) -> None:
        """Collect replies, record them, and lease more grants. If there is nothing to do, wait for up to `idle_poll_s`.

        Raise what the database raises, and RuntimeError if no thread can be started, before anything is leased.
        Outcomes that could not be recorded are recorded by a later pass.
        """
        self._take_replies(0.0 if self._queue_may_hold_more else self._poll_s)
        self._record()
        self._recall()
        self._lease()

    def wake(self) -> None:
        """Look for grants at once: the process has claimed. Safe to call from any thread, and never waits."""
        if not self._woken:
            self._woken = True
            self._replies.put(None)

    def close(self) -> None:
        """Complete deliveries under way, release other leases, and record all. Call it after the last `one_pass`.

        What an unavailable database does not record is left to the end of the leases, as after a crash.
        """
        self._closing = True
        self._threads.close()
        self._take_replies(0.0)
        try:
            self._record()
        except ChallengeError as error:
            about = {"provider": self._destination.name, "grants": len(self._unrecorded), "reason": str(error)}
            log.warning("grants stay leased: the database is not available", extra=about)

    def _take_replies(self, wait_s: float) -> None:
        """Collect the replies that arrived. Wait up to `wait_s` for the first."""
        try:
            replied = self._replies.get(timeout=wait_s) if wait_s else self._replies.get_nowait()
            while True:
                if replied is None:
                    # Before the queue is read, so that a claim from now on wakes it again.
                    self._woken = False
                    self._poll_s = self._destination.poll_s
                else:
                    self._leased -= 1
                    self._unrecorded.append(self._settled(replied))
                replied = self._replies.get_nowait()
        except Empty:
            return

    def _settled(self, replied: _Replied) -> Settled:
        """Judge a provider's reply, and let the circuit breaker know of it."""
        delivery, reply = replied
        if reply is None:
            return Settled(delivery, _BACK_IN_THE_QUEUE, begun=False)
        now = self._clock()
        if isinstance(reply, TryAgain):
            self._breaker.failed(now)
            if not reply.retry_after:
                self._failed.append(delivery.grant_id)
        else:
            if self._breaker.outage(now) >= self._destination.policy.outage:
                self._recalled.update(self._failed)
            self._failed.clear()
            self._breaker.succeeded()
        self._telemetry.breaker_open(self._breaker.is_open)
        attempts, failures, policy = delivery.attempt, delivery.failures, self._destination.policy
        return Settled(delivery, settle(attempts, failures, reply, policy, self._jitter(), now))

    def _record(self) -> None:
        """Store the outcomes collected so far. An outcome whose lease was lost counts in a metric only."""
        if not self._unrecorded:
            return
        outcomes = self._unrecorded
        recorded = record(self._database, outcomes, self._clock(), time.monotonic() + STATEMENT_TIMEOUT_S)
        self._unrecorded = []
        for delivery, settlement, begun in outcomes:
            if delivery.grant_id not in recorded:
                self._telemetry.lease_lost()
            elif begun:
                self._telemetry.settled(recorded[delivery.grant_id], settlement.state, delivery.attempt)

    def _recall(self) -> None:
        """Make grants that failed in an outage due at once.

        Otherwise they would be delivered minutes after newer claims.
        """
        if not self._recalled:
            return
        recalled = self._recalled
        self._database.autocommit(
            lambda connection: delivery_queue.recall(connection, recalled), time.monotonic() + STATEMENT_TIMEOUT_S
        )
        self._recalled = set()

    def _lease(self) -> None:
        """Lease as many due grants as there is room for, and start their delivery."""
        now = self._clock()
        room = self._destination.concurrency * LEASED_PER_THREAD - self._leased
        wanted = self._breaker.admits(self._leased, room, now)
        if not wanted:
            self._queue_may_hold_more = False
            return
        # A grant that is leased without a thread to deliver it would wait for the end of its lease.
        self._threads.require_one()
        lease = self._destination.lease(now)
        deliveries = self._database.autocommit(
            lambda connection: delivery_queue.lease_due(connection, lease, wanted, now),
            time.monotonic() + STATEMENT_TIMEOUT_S,
        )
        self._queue_may_hold_more = len(deliveries) == room
        destination = self._destination
        self._poll_s = destination.poll_s if deliveries else min(2 * self._poll_s, destination.idle_poll_s)
        self._leased += len(deliveries)
        for delivery in deliveries:
            self._threads.submit(_Leased(delivery, self._breaker.is_open))

    def _deliver(self, leased: _Leased) -> None:
        """Deliver in a thread of the pool. Put a reply into the queue in every case."""
        delivery, probing = leased
        try:
            reply = self._call_provider(delivery, probing)
        except Exception as error:
            # Providers must not raise, so this is a bug. It must not lose the grant.
            log.exception("delivery failed", extra={"provider": self._destination.name, "grant_id": delivery.grant_id})
            reply = TryAgain(f"unhandled exception: {error!r}")
        self._replies.put(_Replied(delivery, reply))

    def _call_provider(self, delivery: Delivery, probing: bool) -> Reply | None:
        """Call the provider; return None if the delivery was not begun and belongs back in the queue."""
        if self._breaker.is_open and not probing:
            # Leased before the breaker opened. The state is read from another thread and may be slightly old.
            return None
        left = delivery.lease_until - self._destination.timeout - self._clock()
        if self._closing or left < 0:
            # It waited so long behind slow deliveries that its lease might end before the reply arrives.
            return None
        if delivery.was_lost and not self._begin(delivery, min(STATEMENT_TIMEOUT_S, left / SECOND)):
            return None
        started = time.monotonic()
        reply = self._destination.provider.grant(delivery)
        self._telemetry.took(time.monotonic() - started)
        return reply

    def _begin(self, delivery: Delivery, timeout_s: float) -> bool:
        """Count an attempt of a grant that was lost before; return False if that failed.

        If this one is lost, too, it is known that it was begun. So a grant that kills its dispatchers runs out of
        attempts, and those that they have leased beside it do not.
        """
        try:
            return self._database.autocommit(
                lambda connection: delivery_queue.begin(connection, delivery), time.monotonic() + timeout_s
            )
        except ChallengeError:
            # The database is away, which the next pass reports.
            return False
