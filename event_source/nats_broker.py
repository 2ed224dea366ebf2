"""NATS JetStream as a broker: a durable pull consumer, which any number of processes share.

The client is asyncio's, so it has a thread of its own. Messages are pulled into a bounded queue, and each is
acknowledged by itself once it is settled: with one acknowledgement for all before it, processes would acknowledge each
other's.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections import deque
from collections.abc import Coroutine, Sequence
from concurrent.futures import TimeoutError as FutureTimeout
from functools import partial
from typing import Any

from nats.aio.msg import Msg
from nats.errors import Error as NatsError

from event_source.broker import Done
from event_source.message import Message
from event_source.nats_connection import NatsAddress, NatsConnection, NotUsable
from event_source.positions import position_prefix

log = logging.getLogger(__name__)

PREFETCH = 2_000
"""Messages asked for and not received by the pump."""
PREFETCH_BYTES = 8 * 1024 * 1024
"""Size of the messages that one request for messages may bring."""
PULL_EXPIRES_S = 20.0
PULL_MARGIN_S = 3.0
"""Seconds after which a request for messages that nothing came of is taken for lost."""
SETUP_RETRY_S = 1.0
ASK_TIMEOUT_S = 2.0

ACK, NAK, IN_PROGRESS = b"+ACK", b"-NAK", b"+WPI"


class NatsBroker:
    """The share that one process has of a consumer."""

    def __init__(self, address: NatsAddress) -> None:
        """Connect in the background. The server does not have to be there yet."""
        self._prefix = position_prefix(address.stream)
        self._connection = NatsConnection(
            address, self._on_reconnect, partial(self._set_up_again, "the connection was closed")
        )
        self._arrived: deque[Msg] = deque()
        self._arrival = threading.Condition()
        self._backlog: deque[Msg] = deque()
        """Messages that have arrived and are open, but which the pump has not received."""
        self._open: dict[str, float] = {}
        """When the server last heard of each message that is not settled, by its reply subject; the oldest first."""
        self._requested = 0
        self._pulled_at = 0.0
        self._problem: str | None = "not connected yet"
        self._is_setting_up = True
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="nats", daemon=True)
        self._thread.start()
        self._run(self._set_up())

    def receive(self, count_max: int, bytes_max: int, timeout_s: float) -> Sequence[Message]:
        """As `Broker.receive`."""
        now = time.monotonic()
        if self._problem is None:
            self._ask_for_more(now)
        found: list[Msg] = []
        size = 0
        if not self._backlog:
            with self._arrival:
                if not self._arrived:
                    self._arrival.wait(timeout_s)
            self._queue_arrived()
        while self._backlog and len(found) < count_max and (not found or size < bytes_max):
            found.append(self._backlog.popleft())
            size += len(found[-1].data)
        return [self._message(each) for each in found]

    def _queue_arrived(self) -> None:
        """Move what has arrived to the backlog; from now on `_keep_alive` reports it to the server as in progress."""
        now = time.monotonic()
        with self._arrival:
            arrived, self._arrived = self._arrived, deque()
        for each in arrived:
            self._open[each.reply] = now
        self._backlog += arrived

    def _ask_for_more(self, now: float) -> None:
        """Ask for messages if half of those that may be under way or queued are neither."""
        if self._requested and now - self._pulled_at > PULL_EXPIRES_S + PULL_MARGIN_S:
            self._requested = 0
        wanted = PREFETCH - self._requested - len(self._arrived) - len(self._backlog)
        if wanted >= PREFETCH // 2:
            self._requested += wanted
            self._pulled_at = now
            self._run(self._connection.pull(wanted, PREFETCH_BYTES, PULL_EXPIRES_S))

    def _message(self, message: Msg) -> Message:
        tokens = message.reply.split(".")
        # $JS.ACK.stream.consumer.deliveries.sequence.order.time.pending; newer servers put domain and account first.
        at = 5 if len(tokens) == 9 else 7
        return Message(message.data, self._prefix + tokens[at], int(tokens[at + 2]) // 1_000, message)

    def hold(self) -> None:
        """As `Broker.hold`: messages that wait here stay ours, because the server hears that they are in progress."""
        self._queue_arrived()
        self._keep_alive()

    def settle(self, messages: Sequence[Message]) -> None:
        """As `Broker.settle`."""
        replies = [message.origin.reply for message in messages]
        for reply in replies:
            self._open.pop(reply, None)
        self._run(self._connection.reply_all(replies, ACK))

    def dead_letter(self, message: Message, verdict: str, reason: str, done: Done) -> None:
        """As `Broker.dead_letter`. Its id makes the server drop one that comes again within the stream's window."""
        self._run(self._connection.publish_dead_letter(message, verdict, reason, done))

    def open_messages(self) -> int:
        """As `Broker.open_messages`."""
        return len(self._open) - len(self._backlog)

    def commit(self) -> None:
        """As `Broker.commit`: settled messages are acknowledged at once, and the server hears of the others."""
        self._keep_alive()

    def _keep_alive(self) -> None:
        """Tell the server of messages that it has not heard of for a third of its patience."""
        now = time.monotonic()
        due_before = now - self._connection.ack_wait_s / 3
        due = []
        for reply, heard_at in self._open.items():
            if heard_at > due_before:
                break
            due.append(reply)
        for reply in due:
            del self._open[reply]
            self._open[reply] = now
        if due:
            self._run(self._connection.reply_all(due, IN_PROGRESS))

    def lag(self) -> int | None:
        """As `Broker.lag`: of the whole consumer, whoever reads its messages."""
        try:
            return asyncio.run_coroutine_threadsafe(self._connection.lag(), self._loop).result(ASK_TIMEOUT_S)
        except (NatsError, NotUsable, FutureTimeout, TimeoutError, RuntimeError):
            return None

    def problem(self) -> str | None:
        """As `Broker.problem`."""
        return self._problem or (None if self._connection.is_connected else "not connected")

    def close(self, timeout_s: float) -> None:
        """As `Broker.close`: what is not settled goes to others at once."""
        with self._arrival:
            waiting = [*self._open, *(message.reply for message in self._arrived)]
        future = asyncio.run_coroutine_threadsafe(self._shut_down(waiting), self._loop)
        try:
            future.result(timeout_s)
        except (FutureTimeout, TimeoutError):
            log.warning("connection not closed in time")
            future.cancel()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _shut_down(self, waiting: Sequence[str]) -> None:
        current = list(self._tasks)
        for task in current:
            if task.get_name() == "set up":
                task.cancel()
        await asyncio.gather(*current, return_exceptions=True)
        await self._connection.reply_all(waiting, NAK)
        await self._connection.close()

    def _set_up_again(self, problem: str) -> None:
        self._problem = problem
        if not self._is_setting_up:
            self._is_setting_up = True
            self._keep(self._loop.create_task(self._set_up(SETUP_RETRY_S)))

    async def _set_up(self, pause_s: float = 0.0) -> None:
        """Connect, and find or make the consumer; again and again until that succeeds."""
        task = asyncio.current_task()
        if task is not None:
            task.set_name("set up")
        await asyncio.sleep(pause_s)
        while True:
            try:
                await self._connection.open(self._on_message)
            except Exception as error:
                # Also those of a file that cannot be read: it may be corrected.
                problem = str(error) or type(error).__name__
                if problem != self._problem:
                    log.warning("broker cannot be used", extra={"reason": problem})
                self._problem = problem
                await asyncio.sleep(SETUP_RETRY_S)
                continue
            self._requested = 0
            self._problem = None
            self._is_setting_up = False
            return

    async def _on_message(self, message: Msg) -> None:
        if message.reply:
            self._requested -= 1
            with self._arrival:
                self._arrived.append(message)
                if len(self._arrived) == 1:
                    self._arrival.notify()
            return
        self._on_status(message.headers or {})

    def _on_status(self, headers: dict[str, str]) -> None:
        """Note the end of a request for messages: none came in time, or the consumer cannot be used any more."""
        status, pending = headers.get("Status"), headers.get("Nats-Pending-Messages")
        if status == "100":
            return
        self._requested = max(0, self._requested - int(pending)) if pending else 0
        description = headers.get("Description", "")
        if status not in ("404", "408") and not (pending or "Size Exceeds MaxBytes" in description):
            log.warning("consumer cannot be used", extra={"status": status, "description": description})
            self._set_up_again(description or f"status {status}")

    async def _on_reconnect(self) -> None:
        # Requests that the server before had are forgotten.
        self._requested = 0

    def _run(self, coroutine: Coroutine[Any, Any, None]) -> None:
        """Run a coroutine in the client's thread."""
        self._loop.call_soon_threadsafe(lambda: self._keep(self._loop.create_task(coroutine)))

    def _keep(self, task: asyncio.Task[None]) -> None:
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
