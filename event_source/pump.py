"""The pump: takes messages from the broker, reports them as events, and settles them.

One thread does it all, turn by turn; calls and dead letters end in other threads, which put their ends into a queue. A
message is settled once its event has a verdict, once the mapping has ignored it, or once the broker has confirmed its
dead letter. A failed call settles nothing: its batch waits, unchanged, and while it waits nothing new is received, but
the broker still hears of us.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import NamedTuple, TypeAlias

from challenge.v1 import event_service_pb2

from event_source.backoff import Backoff
from event_source.batches import PAYLOAD_BYTES_MAX, Batch, Fault, Filling
from event_source.broker import Broker
from event_source.dead_letters import DeadLetters, Letter, LetterEnd
from event_source.handler_calls import Failed, HandlerCalls, Results
from event_source.mapping.mapper import Mapper
from event_source.message import Message
from event_source.telemetry import UNMAPPABLE, SourceTelemetry, verdict_name

log = logging.getLogger(__name__)

COMMIT_INTERVAL_S = 1.0
HOLD_INTERVAL_S = 0.5
"""Seconds between two signs of life to the broker while nothing is wanted of it."""
IDLE_WAIT_S = 0.2
"""Longest wait for a message while nothing else can happen."""
BUSY_WAIT_S = 0.005
"""Longest wait for a message while calls are in flight, whose ends are looked at in between."""
FULL_WAIT_S = 0.05
"""Longest wait for the end of a call while nothing may be received."""

_SUCCESSES = frozenset(
    (event_service_pb2.VERDICT_APPLIED, event_service_pb2.VERDICT_DUPLICATE, event_service_pb2.VERDICT_NO_MATCHING_GOAL)
)


@dataclass(frozen=True, kw_only=True)
class Bounds:
    """Limits on what the pump holds."""

    messages: int = 10_000
    """Messages received and not committed."""
    payload_bytes: int = 64 * 1024 * 1024
    """Size of the payloads of messages that are not settled."""
    calls: int = 4
    """Calls of the event handler in flight."""


class _CallEnd(NamedTuple):
    batch: Batch
    reply: Results | Failed


_End: TypeAlias = _CallEnd | LetterEnd


class Pump:
    """Moves messages from one broker to one event handler."""

    def __init__(
        self,
        broker: Broker,
        mapper: Mapper,
        calls: HandlerCalls,
        telemetry: SourceTelemetry,
        bounds: Bounds,
        on_failure: Callable[[], object] = lambda: None,
    ) -> None:
        """Call `on_failure` when the pump has ended because of a fault in the code, and not while it is stopped."""
        self._broker = broker
        self._calls = calls
        self._telemetry = telemetry
        self._bounds = bounds
        self._on_failure = on_failure
        self._filling = Filling(mapper)
        self._ready: deque[Batch] = deque()
        self._ends: SimpleQueue[_End] = SimpleQueue()
        self._letters = DeadLetters(broker, self._ends.put)
        self._in_flight = 0
        self._unsettled = self._unsettled_bytes = 0
        self._backoff = Backoff()
        self._committed_at = self._received_at = self._held_at = 0.0
        self._stop_at: float | None = None
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="pump", daemon=True)

    def start(self) -> None:
        """Pump from now on, in a thread of its own."""
        self._thread.start()

    def stop(self, timeout_s: float) -> None:
        """Receive nothing more, report what was received, for at most `timeout_s` seconds, and leave the broker."""
        self._stop_at = time.monotonic() + timeout_s
        self._thread.join()
        if self._failure is not None:
            raise self._failure

    @property
    def is_paused(self) -> bool:
        """True while a failed call or dead letter keeps the pump waiting."""
        return self._backoff.is_on or self._letters.problem is not None

    def problem(self) -> str | None:
        """Return why messages are not settled now; None if they are."""
        if not self._thread.is_alive():
            return "the pump has ended"
        if self._backoff.is_on:
            return "calls of the event handler fail"
        return self._letters.problem

    def _run(self) -> None:
        try:
            while self._stop_at is None or (self._has_work() and time.monotonic() < self._stop_at):
                self._turn()
        except BaseException as error:
            # Nothing is committed beyond what was settled, so whoever reads on loses nothing.
            self._failure = error
            log.exception("pump failed")
        try:
            self._broker.close(max(1.0, (self._stop_at or 0.0) - time.monotonic()))
        except BaseException as error:
            log.exception("broker not left")
            self._failure = self._failure or error
        if self._failure is not None and self._stop_at is None:
            self._on_failure()

    def _has_work(self) -> bool:
        return bool(self._in_flight or len(self._letters) or self._ready or len(self._filling))

    def _turn(self) -> None:
        """Do everything that can be done now, or wait a moment."""
        now = time.monotonic()
        while self._take_end(0.0):
            pass
        self._send(now)
        self._letters.publish_late(now)
        if now - self._committed_at >= COMMIT_INTERVAL_S:
            self._broker.commit()
            self._committed_at = now
        room = self._room()
        if room > 0:
            self._receive(room)
            return
        self._take_end(FULL_WAIT_S)
        if now - max(self._held_at, self._received_at) >= HOLD_INTERVAL_S:
            self._broker.hold()
            self._held_at = now

    def _room(self) -> int:
        """Return how many messages are wanted now. Those of partitions that others have by now count while held."""
        if self._stop_at is not None or self._backoff.is_on or self._ready or self._filling.is_full:
            return 0
        if self._unsettled_bytes >= self._bounds.payload_bytes:
            return 0
        return min(self._filling.room, self._bounds.messages - max(self._broker.open_messages(), self._unsettled))

    def _receive(self, room: int) -> None:
        wait_s = BUSY_WAIT_S if self._in_flight or len(self._letters) else IDLE_WAIT_S
        messages = self._broker.receive(room, PAYLOAD_BYTES_MAX, wait_s)
        self._received_at = time.monotonic()
        if not messages:
            return
        self._unsettled += len(messages)
        self._unsettled_bytes += sum([len(message.payload) for message in messages])
        ignored, faults = self._filling.add(messages)
        if ignored:
            self._settle(ignored)
            self._telemetry.ignored(len(ignored))
        self._refuse(faults)

    def _send(self, now: float) -> None:
        """Start the calls that may be made: all that there are places for, but one alone after a failure."""
        if self._backoff.waits(now):
            return
        places = (1 if self._backoff.is_on else self._bounds.calls) - self._in_flight
        while places > 0:
            if not self._ready:
                if not len(self._filling):
                    return
                batches, faults = self._filling.take()
                self._ready.extend(batches)
                self._refuse(faults)
                continue
            batch = self._ready.popleft()
            self._in_flight += 1
            places -= 1
            self._calls.report(
                batch.request,
                len(batch.messages),
                lambda reply, batch=batch: self._ends.put(_CallEnd(batch, reply)),  # type: ignore[misc]
            )

    def _take_end(self, wait_s: float) -> bool:
        """Handle the end of a call or a dead letter; return False if there was none within `wait_s` seconds."""
        try:
            end = self._ends.get(timeout=wait_s) if wait_s else self._ends.get_nowait()
        except Empty:
            return False
        if isinstance(end, LetterEnd):
            if self._letters.note(end, time.monotonic()):
                self._settle([end.letter.message])
                self._telemetry.dead(end.letter.verdict)
        else:
            self._call_ended(end.batch, end.reply)
        return True

    def _call_ended(self, batch: Batch, reply: Results | Failed) -> None:
        self._in_flight -= 1
        if isinstance(reply, Failed):
            if not self._backoff.is_on:
                log.warning("call failed, pausing", extra={"code": reply.code, "error": reply.message})
            self._backoff.failed(time.monotonic(), reply.retry_after_s)
            self._ready.append(batch)
            return
        if self._backoff.is_on:
            log.info("calls succeed again, resuming")
            self._backoff.succeeded()
        verdicts = [result.verdict for result in reply]
        if _SUCCESSES.issuperset(verdicts):
            self._settle(batch.messages)
        else:
            self._settle(
                [message for message, verdict in zip(batch.messages, verdicts, strict=True) if verdict in _SUCCESSES]
            )
            for message, result in zip(batch.messages, reply, strict=True):
                if result.verdict not in _SUCCESSES:
                    self._letters.publish(Letter(message, verdict_name(result.verdict), result.reason))
        self._telemetry.settled(
            {verdict: number for verdict, number in Counter(verdicts).items() if verdict in _SUCCESSES}
        )

    def _settle(self, messages: Sequence[Message]) -> None:
        self._unsettled -= len(messages)
        self._unsettled_bytes -= sum([len(message.payload) for message in messages])
        self._broker.settle(messages)

    def _refuse(self, faults: Sequence[Fault]) -> None:
        for message, reason in faults:
            self._letters.publish(Letter(message, UNMAPPABLE, reason))
