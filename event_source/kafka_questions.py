"""Questions of probes and metrics to Kafka, each within a time limit."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

from confluent_kafka import Consumer, KafkaException, TopicPartition

ASK_TIMEOUT_S = 2.0
"""Time limit in seconds for one question."""
ALL_TIMEOUT_S = 5.0
"""Seconds after which no further question is asked, however many partitions there are: a stop waits for them."""


def messages_behind(consumer: Consumer, positions: Mapping[tuple[str, int], int | None]) -> int | None:
    """Return the messages behind the newest ones, in all partitions; None if the cluster does not tell in time.

    `positions` are where to read on. None: where the group has committed.
    """
    until = time.monotonic() + ALL_TIMEOUT_S
    unread = [TopicPartition(*key) for key, position in positions.items() if position is None]
    behind = 0
    try:
        stored = {
            (each.topic, each.partition): each.offset
            for each in (consumer.committed(unread, timeout=ASK_TIMEOUT_S) if unread else ())
        }
        for key, position in positions.items():
            if time.monotonic() >= until:
                return None
            low, high = consumer.get_watermark_offsets(TopicPartition(*key), timeout=ASK_TIMEOUT_S)
            behind += max(0, high - max(low, stored.get(key, 0) if position is None else position))
    except (KafkaException, RuntimeError):
        return None
    return behind


def problem_of(consumer: Consumer, topics: Sequence[str]) -> str | None:
    """Return why topics cannot be read now; None if they can."""
    until = time.monotonic() + ALL_TIMEOUT_S
    try:
        for topic in topics:
            if time.monotonic() >= until:
                return "the cluster does not answer in time"
            found = consumer.list_topics(topic, timeout=ASK_TIMEOUT_S).topics[topic]
            if found.error is not None:
                return f"{topic}: {found.error.str()}"
    except KafkaException as error:
        return str(error.args[0].str())
    except RuntimeError:
        return "the consumer is closed"
    return None
