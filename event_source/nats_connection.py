"""The connection to a NATS server, the consumer behind it, and what is sent. Used in the client's thread alone."""

from __future__ import annotations

import json
import logging
import ssl
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nats
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.errors import Error as NatsError
from nats.js.api import AckPolicy, ConsumerConfig, ConsumerInfo
from nats.js.errors import NotFoundError

from event_source.broker import Done
from event_source.message import Message
from event_source.nats_dead_letters import letter_forms, publish_letter

log = logging.getLogger(__name__)

CONNECT_TIMEOUT_S = 5.0
REQUEST_TIMEOUT_S = 5.0
RECONNECT_WAIT_S = 0.5
ACK_WAIT_S = 30.0
"""Seconds after which the server gives messages of a process that was killed to another one."""
ACK_PENDING_MAX = 50_000
"""Messages that all processes of the consumer may have at once."""
UNLIMITED = -1
MESSAGE_OVERHEAD = 16 * 1024
"""Bytes beyond the payload and headers that the server counts to the size of a message."""


class NotUsable(Exception):
    """The stream or the consumer is not as it must be; the message says what to change."""


@dataclass(frozen=True, kw_only=True)
class NatsAddress:
    """The place to read from, and the proof of who reads."""

    url: str
    stream: str
    consumer: str
    dead_letters: str
    subject: str | None = None
    """Only messages with subjects that match; None: all of the stream."""
    credentials: Path | None = None
    ca_file: Path | None = None
    """PEM file with the certificates that the server's must be signed by; None: those of the system."""


class NatsConnection:
    """One connection, which the client renews by itself."""

    def __init__(
        self, address: NatsAddress, on_reconnect: Callable[[], Awaitable[None]], on_end: Callable[[], None]
    ) -> None:
        """Call `on_end` when the client has given its connection up for good, as after an error of authentication."""
        self._address = address
        self._on_reconnect = on_reconnect
        self._on_end = on_end
        self._is_closing = False
        self._client: Client | None = None
        self._subscription: Subscription | None = None
        self._inbox = ""
        self._pulls = 0
        self.ack_wait_s = ACK_WAIT_S
        """The server's patience with a message, in seconds."""

    @property
    def is_connected(self) -> bool:
        """True while there is a connection."""
        return self._client is not None and self._client.is_connected

    async def open(self, on_message: Callable[[Msg], Awaitable[None]]) -> None:
        """Connect if that is not done yet, and find or make the consumer. Raise `NotUsable` or errors of the client."""
        client = self._client
        if client is None:
            client = self._client = await self._connect()
        await self._prepare(client)
        if self._subscription is None:
            self._inbox = client.new_inbox()
            self._subscription = await client.subscribe(
                f"{self._inbox}.*", cb=on_message, pending_msgs_limit=0, pending_bytes_limit=0
            )

    async def _connect(self) -> Client:
        address = self._address
        options: dict[str, Any] = {}
        if address.credentials is not None:
            options["user_credentials"] = str(address.credentials)
        if address.ca_file is not None:
            options["tls"] = ssl.create_default_context(cafile=str(address.ca_file))
        return await nats.connect(
            address.url.split(","),
            name="event_source",
            connect_timeout=CONNECT_TIMEOUT_S,
            reconnect_time_wait=RECONNECT_WAIT_S,
            max_reconnect_attempts=UNLIMITED,
            reconnected_cb=self._on_reconnect,
            disconnected_cb=self._disconnected,
            closed_cb=self._closed,
            error_cb=self._failed,
            **options,
        )

    async def _prepare(self, client: Client) -> None:
        """Find or make the consumer. Raise `NotUsable`."""
        address = self._address
        stream = client.jetstream(timeout=REQUEST_TIMEOUT_S)
        try:
            info = await stream.stream_info(address.stream)
        except NotFoundError:
            raise NotUsable(f"there is no stream {address.stream}") from None
        read = [address.subject] if address.subject else list(info.config.subjects or ())
        if any(matches(pattern, address.dead_letters) for pattern in read):
            raise NotUsable(f"dead letters with the subject {address.dead_letters} would be read again")
        try:
            consumer = await stream.consumer_info(address.stream, address.consumer)
        except NotFoundError:
            consumer = await stream.add_consumer(
                address.stream,
                ConsumerConfig(
                    durable_name=address.consumer,
                    ack_policy=AckPolicy.EXPLICIT,
                    ack_wait=ACK_WAIT_S,
                    max_deliver=UNLIMITED,
                    max_ack_pending=ACK_PENDING_MAX,
                    filter_subject=address.subject,
                ),
            )
        self._require_usable(consumer)

    def _require_usable(self, consumer: ConsumerInfo) -> None:
        config, name = consumer.config, self._address.consumer
        if config.deliver_subject:
            raise NotUsable(f"the consumer {name} is one that pushes, must be one that is pulled from")
        if config.ack_policy != AckPolicy.EXPLICIT:
            raise NotUsable(f"the consumer {name} must have the acknowledgement policy explicit")
        if config.headers_only:
            raise NotUsable(f"the consumer {name} delivers headers only, must deliver payloads")
        if (config.max_deliver or UNLIMITED) != UNLIMITED:
            raise NotUsable(f"the consumer {name} gives messages up after {config.max_deliver} deliveries: it must not")
        if (config.filter_subject or None) != self._address.subject or config.filter_subjects:
            raise NotUsable(f"the consumer {name} reads other subjects than the settings say")
        self.ack_wait_s = config.ack_wait or ACK_WAIT_S

    async def pull(self, count: int, bytes_max: int, expires_s: float) -> None:
        """Ask for messages of at most `bytes_max` bytes, or one of the largest."""
        self._pulls += 1
        address = self._address
        if self._client is not None:
            # The server never delivers a message that is larger than the request allows.
            bytes_max = max(bytes_max, self._client.max_payload + MESSAGE_OVERHEAD)
        request = {"batch": count, "max_bytes": bytes_max, "expires": int(expires_s * 1e9)}
        subject = f"$JS.API.CONSUMER.MSG.NEXT.{address.stream}.{address.consumer}"
        await self._publish(subject, json.dumps(request).encode(), f"{self._inbox}.{self._pulls}")

    async def reply_all(self, replies: Sequence[str], body: bytes) -> None:
        """Send one reply for each of these messages. Those that get lost have messages delivered again."""
        for reply in replies:
            await self._publish(reply, body)

    async def _publish(self, subject: str, body: bytes, reply: str = "") -> None:
        if self._client is None:
            return
        try:
            await self._client.publish(subject, body, reply)
        except NatsError as error:
            log.debug("not sent", extra={"error": str(error)})

    async def publish_dead_letter(self, message: Message, verdict: str, reason: str, done: Done) -> None:
        """Publish a message to the dead letters, and tell `done` once a stream has stored it, or why it has not."""
        try:
            if self._client is None:
                raise NotUsable("not connected")
            stream = self._client.jetstream(timeout=REQUEST_TIMEOUT_S)
            await publish_letter(
                stream, self._client.max_payload, self._address.dead_letters, letter_forms(message, verdict, reason)
            )
        except Exception as error:
            # Whatever it is: a letter of which the pump never hears again would be open for good.
            done(f"{type(error).__name__}: {error}")
        else:
            done(None)

    async def lag(self) -> int:
        """Return the number of messages that have not been acknowledged yet."""
        if self._client is None:
            raise NotUsable("not connected")
        info = await self._client.jetstream(timeout=REQUEST_TIMEOUT_S).consumer_info(
            self._address.stream, self._address.consumer
        )
        return (info.num_pending or 0) + (info.num_ack_pending or 0)

    async def close(self) -> None:
        """Send what waits to be sent, and close the connection."""
        self._is_closing = True
        if self._client is not None:
            if self._client.is_connected:
                await self._client.flush()
            await self._client.close()

    async def _disconnected(self) -> None:
        log.warning("connection to the broker lost")

    async def _closed(self) -> None:
        if not self._is_closing:
            self._client = self._subscription = None
            self._on_end()

    async def _failed(self, error: Exception) -> None:
        log.warning("error of the broker", extra={"error": str(error) or type(error).__name__})


def matches(pattern: str, subject: str) -> bool:
    """Return whether a subject matches a pattern with `*` for one part and `>` for the rest."""
    wanted, parts = pattern.split("."), subject.split(".")
    for number, each in enumerate(wanted):
        if each == ">":
            return len(parts) > number
        if number >= len(parts) or each not in ("*", parts[number]):
            return False
    return len(wanted) == len(parts)
