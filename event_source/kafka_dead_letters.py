"""Dead letters in a topic of Kafka, confirmed by all replicas in sync."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from confluent_kafka import KafkaError, KafkaException, Producer
from confluent_kafka import Message as KafkaMessage

from event_source.broker import OMITTED_HEADER, Done, dead_letter_headers
from event_source.message import Message

log = logging.getLogger(__name__)

MESSAGE_TIMEOUT_MS = 30_000
"""Time in milliseconds in which a letter must be confirmed."""


class KafkaDeadLetters:
    """The producer of dead letters."""

    def __init__(self, properties: Mapping[str, str | int | bool], topic: str) -> None:
        """`properties` name the cluster and how to connect to it."""
        self._topic = topic
        self._producer = Producer(
            {
                **properties,
                "acks": "all",
                "enable.idempotence": True,
                "message.timeout.ms": MESSAGE_TIMEOUT_MS,
                "linger.ms": 5,
            },
            logger=log,
        )

    def publish(self, message: Message, original: KafkaMessage, verdict: str, reason: str, done: Done) -> None:
        """Publish a message, and tell `done` in `serve` when that has ended.

        A message that the topic does not take for its size goes without its payload; the position says where it is.
        """
        headers = [*(original.headers() or ()), *dead_letter_headers(message, verdict, reason).items()]

        def delivered(error: KafkaError | None, _: KafkaMessage) -> None:
            if error is not None and error.code() == KafkaError.MSG_SIZE_TOO_LARGE:
                self._produce(None, original.key(), [*headers, (OMITTED_HEADER, "true")], done)
            else:
                done(None if error is None else error.str())

        try:
            self._producer.produce(
                self._topic, message.payload, original.key(), headers=list(headers), on_delivery=delivered
            )
        except KafkaException as error:
            delivered(error.args[0], original)
        except BufferError as error:
            done(str(error))

    def _produce(
        self, payload: bytes | None, key: bytes | str | None, headers: list[tuple[str, str | bytes | None]], done: Done
    ) -> None:
        def delivered(error: KafkaError | None, _: KafkaMessage) -> None:
            done(None if error is None else error.str())

        try:
            self._producer.produce(self._topic, payload, key, headers=list(headers), on_delivery=delivered)
        except (BufferError, KafkaException) as error:
            done(str(error))

    def serve(self) -> None:
        """Tell of letters that have come to their ends."""
        self._producer.poll(0)

    def close(self, timeout_s: float) -> None:
        """Wait for letters that are on their way. The rest is not settled, so it is read again."""
        self._producer.flush(timeout_s)
