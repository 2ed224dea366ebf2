"""Kafka as a broker: a consumer in a group, and a producer for dead letters."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition
from confluent_kafka import Message as KafkaMessage

from event_source.broker import Done
from event_source.contiguous import Contiguous
from event_source.kafka_dead_letters import KafkaDeadLetters
from event_source.kafka_questions import KafkaQuestions, Place
from event_source.message import Message
from event_source.positions import position_prefix

log = logging.getLogger(__name__)

NO_TIMESTAMP = 0

OURS: Mapping[str, str | int | bool] = {
    "enable.auto.commit": False,
    "enable.auto.offset.store": False,
    "partition.assignment.strategy": "cooperative-sticky",
    "enable.partition.eof": False,
    # Messages of transactions that were aborted never happened.
    "isolation.level": "read_committed",
    "allow.auto.create.topics": False,
}
"""Properties on which the guarantees rest; a file of properties may not set them."""
DEFAULTS: Mapping[str, str | int | bool] = {
    "auto.offset.reset": "earliest",
    # After this many milliseconds without a sign of life, others take over the partitions of a process that was killed.
    "session.timeout.ms": 10_000,
    # Fetched ahead, in all partitions together.
    "queued.max.messages.kbytes": 16_384,
    "fetch.wait.max.ms": 100,
}
OF_CONSUMERS = ("auto.offset.", "fetch.", "group.", "heartbeat.", "max.poll.", "queued.", "session.")
"""Beginnings of properties that only consumers have."""


@dataclass(frozen=True, kw_only=True)
class KafkaAddress:
    """The place to read from, and the properties to connect with."""

    servers: str
    topics: Sequence[str]
    group: str
    dead_letters: str
    properties: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class _Partition:
    """An assigned partition."""

    prefix: str
    tracker: Contiguous


class KafkaBroker:
    """The partitions that the group has given to this process."""

    def __init__(self, address: KafkaAddress) -> None:
        """Join the group. The cluster does not have to be there yet."""
        common = {"bootstrap.servers": address.servers, "client.id": "event_source", **address.properties}
        self._topics = list(address.topics)
        self._partitions: dict[Place, _Partition] = {}
        self._committed: dict[Place, int] = {}
        self._backlog: deque[KafkaMessage] = deque()
        self._held = self._all_paused = False
        others = {name: value for name, value in common.items() if not name.startswith(OF_CONSUMERS)}
        self._questions = KafkaQuestions(others, address.group)
        self._dead_letters = KafkaDeadLetters(others, address.dead_letters)
        self._consumer = Consumer(
            {**DEFAULTS, **common, **OURS, "group.id": address.group, "on_commit": self._on_commit}, logger=log
        )
        self._consumer.subscribe(self._topics, on_assign=self._assigned, on_revoke=self._revoked, on_lost=self._lost)

    def receive(self, count_max: int, bytes_max: int, timeout_s: float) -> Sequence[Message]:  # noqa: ARG002 - by librdkafka
        """As `Broker.receive`. The size is bounded by what is fetched ahead."""
        if self._held:
            self._consumer.resume(self._consumer.assignment())
            self._held = self._all_paused = False
        self._dead_letters.serve()
        if self._backlog:
            found = [self._backlog.popleft() for _ in range(min(count_max, len(self._backlog)))]
            return [message for each in found if (message := self._received(each)) is not None]
        # Taken in before consuming more, which may take its partition away.
        received = self._polled(timeout_s)
        if received and count_max > 1:
            found = self._consumer.consume(count_max - 1, 0.0)
            received += [message for each in found if (message := self._received(each)) is not None]
        return received

    def _polled(self, timeout_s: float) -> list[Message]:
        first = self._consumer.poll(timeout_s)
        message = None if first is None else self._received(first)
        return [] if message is None else [message]

    def _received(self, message: KafkaMessage) -> Message | None:
        error = message.error()
        if error is not None:
            if error.fatal():
                # The client does nothing any more. Another process may.
                raise KafkaException(error)
            log.warning("error of the broker", extra={"error": error.str()})
            return None
        topic, number, offset = message.topic(), message.partition(), message.offset()
        if topic is None or number is None or offset is None:
            return None
        partition = self._partitions.get((topic, number))
        if partition is None:
            # Another process has the partition by now, and gets this message, too.
            return None
        partition.tracker.take(offset)
        kind, milliseconds = message.timestamp()
        time = None if kind == NO_TIMESTAMP else milliseconds * 1_000
        return Message(
            message.value() or b"", f"{partition.prefix}{offset}", time, (partition.tracker, offset, message)
        )

    def hold(self) -> None:
        """As `Broker.hold`: partitions are paused, and polling goes on, so that the group does not give us up."""
        if not self._all_paused:
            self._consumer.pause(self._consumer.assignment())
            self._held = self._all_paused = True
        self._dead_letters.serve()
        message = self._consumer.poll(0.0)
        if message is not None:
            self._backlog.append(message)

    def settle(self, messages: Sequence[Message]) -> None:
        """As `Broker.settle`."""
        for message in messages:
            tracker, offset, _ = message.origin
            tracker.settle(offset)

    def dead_letter(self, message: Message, verdict: str, reason: str, done: Done) -> None:
        """As `Broker.dead_letter`. Key and headers are those of the message."""
        _, _, original = message.origin
        self._dead_letters.publish(message, original, verdict, reason, done)

    def open_messages(self) -> int:
        """As `Broker.open_messages`."""
        return sum([len(partition.tracker) for partition in list(self._partitions.values())])

    def commit(self) -> None:
        """As `Broker.commit`."""
        if offsets := self._offsets(self._partitions):
            try:
                self._consumer.commit(offsets=offsets, asynchronous=True)
            except KafkaException as error:
                self._on_commit(error.args[0], offsets)

    def _offsets(self, keys: Iterable[Place]) -> list[TopicPartition]:
        """Return the positions of partitions that have moved since they were last asked for."""
        offsets = []
        for topic, number in keys:
            position = self._partitions[topic, number].tracker.position
            if position is not None and position != self._committed.get((topic, number)):
                self._committed[topic, number] = position
                offsets.append(TopicPartition(topic, number, position))
        return offsets

    def lag(self) -> int | None:
        """As `Broker.lag`, over the partitions of this process."""
        partitions = list(self._partitions.items())
        return self._questions.messages_behind({key: partition.tracker.position for key, partition in partitions})

    def problem(self) -> str | None:
        """As `Broker.problem`."""
        return self._questions.problem(self._topics)

    def close(self, timeout_s: float) -> None:
        """As `Broker.close`."""
        self._commit_now(self._partitions)
        self._consumer.close()
        self._dead_letters.close(timeout_s)

    def _commit_now(self, keys: Iterable[Place]) -> None:
        if offsets := self._offsets(keys):
            try:
                self._consumer.commit(offsets=offsets, asynchronous=False)
            except KafkaException as error:
                # Whoever reads on gets messages twice, and the ledger has them.
                log.warning("offsets not committed", extra={"error": str(error)})

    def _on_commit(self, error: KafkaError | None, partitions: list[TopicPartition]) -> None:
        """Note which offsets have to be committed again. Called by polling."""
        failed = [each for each in partitions if (error or each.error) is not None]
        for each in failed:
            self._committed.pop((each.topic, each.partition), None)
        if failed:
            reason = error or failed[0].error
            log.warning("offsets not committed", extra={"error": None if reason is None else reason.str()})

    def _assigned(self, _: Consumer, partitions: list[TopicPartition]) -> None:
        for each in partitions:
            prefix = position_prefix(each.topic, each.partition)
            self._partitions[each.topic, each.partition] = _Partition(prefix, Contiguous())
        # New partitions are not paused: the next sign of life does it. Those of before are, until something is wanted.
        self._all_paused = False
        log.info("partitions assigned", extra={"partitions": [f"{each.topic}:{each.partition}" for each in partitions]})

    def _revoked(self, _: Consumer, partitions: list[TopicPartition]) -> None:
        keys = [(each.topic, each.partition) for each in partitions if (each.topic, each.partition) in self._partitions]
        self._commit_now(keys)
        self._forget(keys)

    def _lost(self, _: Consumer, partitions: list[TopicPartition]) -> None:
        log.warning("partitions lost", extra={"partitions": [f"{each.topic}:{each.partition}" for each in partitions]})
        self._forget([(each.topic, each.partition) for each in partitions])

    def _forget(self, keys: Sequence[Place]) -> None:
        """Forget partitions: their open messages belong to whoever reads on."""
        for key in keys:
            self._partitions.pop(key, None)
            self._committed.pop(key, None)
        self._backlog = deque(each for each in self._backlog if (each.topic(), each.partition()) not in keys)
        log.info("partitions given up", extra={"partitions": [f"{topic}:{number}" for topic, number in keys]})
