"""Brokers with messages for the event source, on the cores that the server does not use."""

from __future__ import annotations

import asyncio
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import nats
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from bench.machine import pin
from bench.workbench import Workbench
from devstack.kafka import EmbeddedKafka
from devstack.nats import EmbeddedNats

SUBJECT, DEAD_LETTERS = "game.events", "dead.letters"
PARTITIONS = 4
CHECK_INTERVAL_S = 0.05
PATIENCE_S = 120.0


class Broker(ABC):
    """A running broker with a topic for dead letters."""

    name: str

    @abstractmethod
    def fill(self, number: int, messages: Sequence[tuple[str, bytes]]) -> None:
        """Make the topic of a round, and publish messages, each with its player; return when all are stored."""

    @abstractmethod
    def environ(self, number: int) -> Mapping[str, str]:
        """Return the settings of an event source that reads the topic of a round."""


class Nats(Broker):
    """A stream of NATS."""

    name = "NATS"

    def __init__(self, server: EmbeddedNats) -> None:
        self._server = server
        server.make_streams({"DEAD": [DEAD_LETTERS]})

    def fill(self, number: int, messages: Sequence[tuple[str, bytes]]) -> None:
        self._server.make_streams({_stream(number): [f"{SUBJECT}.{number}"]})
        asyncio.run(self._publish(number, [payload for _, payload in messages]))

    async def _publish(self, number: int, payloads: Sequence[bytes]) -> None:
        client = await nats.connect(self._server.url)
        try:
            for payload in payloads:
                await client.publish(f"{SUBJECT}.{number}", payload)
            context = client.jetstream()
            while (await context.stream_info(_stream(number))).state.messages < len(payloads):
                await asyncio.sleep(CHECK_INTERVAL_S)
        finally:
            await client.close()

    def environ(self, number: int) -> Mapping[str, str]:
        return {
            "SOURCE_BROKER": "nats",
            "SOURCE_DEAD_LETTERS": DEAD_LETTERS,
            "NATS_URL": self._server.url,
            "NATS_STREAM": _stream(number),
            "NATS_CONSUMER": _stream(number),
        }


def _stream(number: int) -> str:
    return f"GAME-{number}"


class Kafka(Broker):
    """A topic of Kafka, whose messages have the player as their key."""

    name = "Kafka"

    def __init__(self, server: EmbeddedKafka) -> None:
        self._server = server
        self._admin = AdminClient({"bootstrap.servers": server.url, "log_level": 0})
        self._make(DEAD_LETTERS, 1)

    def _make(self, topic: str, partitions: int) -> None:
        for made in self._admin.create_topics([NewTopic(topic, partitions, 1)]).values():
            made.result(PATIENCE_S)

    def fill(self, number: int, messages: Sequence[tuple[str, bytes]]) -> None:
        self._make(_topic(number), PARTITIONS)
        failures: list[object] = []
        producer = Producer({"bootstrap.servers": self._server.url, "acks": "all", "linger.ms": 20, "log_level": 0})
        for player, payload in messages:
            producer.produce(
                _topic(number),
                payload,
                player,
                on_delivery=lambda error, _: None if error is None else failures.append(error),
            )
            producer.poll(0)
        deadline = time.monotonic() + PATIENCE_S
        while producer.flush(CHECK_INTERVAL_S):
            if time.monotonic() > deadline:
                raise TimeoutError("Kafka did not store all messages")
        if failures:
            raise RuntimeError(f"Kafka did not store messages: {failures[0]}")

    def environ(self, number: int) -> Mapping[str, str]:
        return {
            "SOURCE_BROKER": "kafka",
            "SOURCE_DEAD_LETTERS": DEAD_LETTERS,
            "KAFKA_SERVERS": self._server.url,
            "KAFKA_TOPICS": _topic(number),
            "KAFKA_GROUP": _topic(number),
        }


def _topic(number: int) -> str:
    return f"game-{number}"


@contextmanager
def nats_broker(bench: Workbench) -> Iterator[Broker]:
    """Yield a NATS."""
    with EmbeddedNats(bench.directory / "nats") as server:
        if server.pid is not None:
            pin(server.pid, bench.cores.others)
        yield Nats(server)


@contextmanager
def kafka_broker(bench: Workbench) -> Iterator[Broker]:
    """Yield a Kafka."""
    with EmbeddedKafka(bench.directory / "kafka") as server:
        if server.pid is not None:
            pin(server.pid, bench.cores.others)
        yield Kafka(server)
