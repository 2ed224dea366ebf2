"""Dead letters in a topic of Kafka, confirmed by all replicas in sync."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import NamedTuple, TypeAlias

from confluent_kafka import KafkaError, KafkaException, Producer
from confluent_kafka import Message as KafkaMessage

from event_source.broker import OMITTED_HEADER, Done, dead_letter_headers
from event_source.message import Message

log = logging.getLogger(__name__)

MESSAGE_TIMEOUT_MS = 30_000
"""Time in milliseconds in which a letter must be confirmed."""


_Headers: TypeAlias = list[tuple[str, str | bytes | None]]


class _Form(NamedTuple):
    """The content of a letter."""

    payload: bytes | None
    key: str | bytes | None
    headers: _Headers


class KafkaDeadLetters:
    """The producer of dead letters."""

    def __init__(self, properties: Mapping[str, str | int | bool], topic: str) -> None:
        """`properties` name the cluster and how to connect to it."""
        self._topic = topic
        self._producer = Producer(
            {
                **properties,
                "acks": "all",
                # After some errors an idempotent producer refuses everything for good; a letter may be there twice.
                "enable.idempotence": False,
                "message.timeout.ms": MESSAGE_TIMEOUT_MS,
                "linger.ms": 5,
            },
            logger=log,
        )

    def publish(self, message: Message, original: KafkaMessage, verdict: str, reason: str, done: Done) -> None:
        """Publish a message, and tell `done` in `serve` when that has ended.

        A message that the topic does not take for its size goes without its payload, or without its key and headers,
        too; the position says where it is.
        """
        ours = list(dead_letter_headers(message, verdict, reason).items())
        short = [*ours, (OMITTED_HEADER, "true")]
        theirs, key = _headers(original), original.key()
        forms = [_Form(message.payload, key, [*theirs, *ours]), _Form(None, key, [*theirs, *short])]
        self._produce([*forms, _Form(None, None, [*short])], done)

    def _produce(self, forms: Sequence[_Form], done: Done) -> None:
        """Publish the first form, or one of the following ones if it is too large."""
        payload, key, headers = forms[0]

        def delivered(error: KafkaError | None, _: KafkaMessage | None) -> None:
            if error is not None and error.code() == KafkaError.MSG_SIZE_TOO_LARGE and len(forms) > 1:
                self._produce(forms[1:], done)
            else:
                done(None if error is None else error.str())

        try:
            self._producer.produce(self._topic, payload, key, headers=headers, on_delivery=delivered)
        except KafkaException as error:
            delivered(error.args[0], None)
        except BufferError as error:
            done(str(error))

    def serve(self) -> None:
        """Tell of letters that have come to their ends."""
        self._producer.poll(0)

    def close(self, timeout_s: float) -> None:
        """Wait for letters that are on their way. The rest is not settled, so it is read again."""
        self._producer.flush(timeout_s)


def _headers(message: KafkaMessage) -> _Headers:
    """Return the headers of a message; none if the client cannot read them, whose names should be UTF-8."""
    try:
        found = message.headers() or ()
        return list(found.items() if isinstance(found, dict) else found)
    except (ValueError, SystemError):
        log.warning("headers of a message cannot be read", extra={"offset": message.offset()})
        return []
