"""Both kinds of brokers, as tests use them: publish, read dead letters, restart."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping, Sequence
from itertools import count
from pathlib import Path
from typing import NamedTuple, TypeVar

import nats
from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic
from nats.js.api import AckPolicy, ConsumerConfig
from nats.js.client import JetStreamContext

from devstack.kafka import EmbeddedKafka
from devstack.nats import EmbeddedNats
from devstack.server import EmbeddedServer

T = TypeVar("T")

PARTITIONS = 4
TIMEOUT_S = 30.0
SESSION_S = 2
"""Seconds after which a broker gives the messages of a killed source to others."""
_numbers = count()


class DeadLetter(NamedTuple):
    """A dead letter: its payload, and its headers."""

    payload: bytes
    headers: Mapping[str, str]


class BrokerUnderTest(ABC):
    """A running broker with a topic, and one for dead letters, that no other test uses."""

    server: EmbeddedServer

    def __init__(self) -> None:
        self.topic = f"game-{next(_numbers)}"

    @abstractmethod
    def environ(self, folder: Path) -> dict[str, str]:
        """Return the settings of a source that reads the topic; files of theirs go into a folder."""

    @abstractmethod
    def publish(self, payloads: Sequence[bytes]) -> None:
        """Publish messages, and wait until they are stored."""

    @abstractmethod
    def dead_letters(self, number: int) -> list[DeadLetter]:
        """Wait for this number of dead letters, and return all that are there."""

    def restart(self) -> None:
        """Stop the broker, and start it again on the same port."""
        self.server.stop()
        self.server.start()


class KafkaUnderTest(BrokerUnderTest):
    """Kafka with a topic of several partitions."""

    def __init__(self, server: EmbeddedKafka) -> None:
        super().__init__()
        self.server = server
        self._dead = f"{self.topic}-dead"
        topics = [NewTopic(self.topic, PARTITIONS, 1), NewTopic(self._dead, 1, 1)]
        admin = AdminClient({"bootstrap.servers": server.url})
        for made in admin.create_topics(topics).values():
            made.result(TIMEOUT_S)

    def environ(self, folder: Path) -> dict[str, str]:
        properties = folder / "kafka.properties"
        # A source that did not poll for three seconds would be put out of its group.
        lines = (f"session.timeout.ms={SESSION_S * 1_000}", "max.poll.interval.ms=3000", "heartbeat.interval.ms=300")
        properties.write_text("\n".join(lines), encoding="utf-8")
        return {
            "SOURCE_BROKER": "kafka",
            "KAFKA_SERVERS": self.server.url,
            "KAFKA_TOPICS": self.topic,
            "KAFKA_GROUP": self.topic,
            "KAFKA_PROPERTIES": str(properties),
            "SOURCE_DEAD_LETTERS": self._dead,
        }

    def publish(self, payloads: Sequence[bytes]) -> None:
        producer = Producer({"bootstrap.servers": self.server.url, "acks": "all"})
        failures: list[object] = []
        for payload in payloads:
            producer.produce(
                self.topic, payload, on_delivery=lambda error, _: failures.append(error) if error is not None else None
            )
            producer.poll(0)
        assert producer.flush(TIMEOUT_S) == 0
        assert failures == []

    def dead_letters(self, number: int) -> list[DeadLetter]:
        consumer = Consumer(
            {"bootstrap.servers": self.server.url, "group.id": f"{self._dead}-look", "auto.offset.reset": "earliest"}
        )
        consumer.subscribe([self._dead])
        found: list[DeadLetter] = []
        try:
            while (message := consumer.poll(TIMEOUT_S if len(found) < number else 1.0)) is not None:
                assert message.error() is None, message.error()
                headers = dict(message.headers() or ())
                texts = {name: value.decode() for name, value in headers.items() if isinstance(value, bytes)}
                found.append(DeadLetter(message.value() or b"", texts))
        finally:
            consumer.close()
        return found


class NatsUnderTest(BrokerUnderTest):
    """NATS with a stream."""

    def __init__(self, server: EmbeddedNats) -> None:
        super().__init__()
        self.server = server
        server.make_streams({self.topic: [f"{self.topic}.>"], f"{self.topic}-dead": [f"dead.{self.topic}"]})
        self._do(self._make_consumer)

    async def _make_consumer(self, context: JetStreamContext) -> None:
        config = ConsumerConfig(
            durable_name=self.topic, ack_policy=AckPolicy.EXPLICIT, ack_wait=SESSION_S, max_ack_pending=50_000
        )
        await context.add_consumer(self.topic, config)

    def environ(self, folder: Path) -> dict[str, str]:  # noqa: ARG002 - it needs none
        return {
            "SOURCE_BROKER": "nats",
            "NATS_URL": self.server.url,
            "NATS_STREAM": self.topic,
            "NATS_CONSUMER": self.topic,
            "SOURCE_DEAD_LETTERS": f"dead.{self.topic}",
        }

    def publish(self, payloads: Sequence[bytes]) -> None:
        async def publish(context: JetStreamContext) -> None:
            for start in range(0, len(payloads), 200):
                part = payloads[start : start + 200]
                await asyncio.gather(*(context.publish(f"{self.topic}.events", payload) for payload in part))

        self._do(publish)

    def dead_letters(self, number: int) -> list[DeadLetter]:
        async def fetch(context: JetStreamContext) -> list[DeadLetter]:
            subscription = await context.pull_subscribe(f"dead.{self.topic}", durable="look")
            found: list[DeadLetter] = []
            while True:
                try:
                    for message in await subscription.fetch(100, TIMEOUT_S if len(found) < number else 1.0):
                        found.append(DeadLetter(message.data, message.headers or {}))
                        await message.ack()
                except TimeoutError:  # of the client, or of asyncio
                    return found

        return self._do(fetch)

    def redelivered(self) -> int:
        """Return the number of messages that are out for another time."""

        async def ask(context: JetStreamContext) -> int:
            return (await context.consumer_info(self.topic, self.topic)).num_redelivered or 0

        return self._do(ask)

    def _do(self, what: Callable[[JetStreamContext], Awaitable[T]]) -> T:
        async def run() -> T:
            client = await nats.connect(self.server.url)
            try:
                return await what(client.jetstream(timeout=TIMEOUT_S))
            finally:
                await client.close()

        return asyncio.run(run())
