"""Questions of probes and metrics to Kafka, each within a time limit.

They are asked by a client of their own: that of the consumer makes one call at a time, and one that polls without a
pause lets no other thread in, for minutes.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Collection, Mapping, Sequence
from typing import TypeAlias

from confluent_kafka import ConsumerGroupTopicPartitions, IsolationLevel, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec  # type: ignore[attr-defined] # the documented place

log = logging.getLogger(__name__)

ASK_TIMEOUT_S = 2.0
"""Time limit in seconds for one question."""
ALL_TIMEOUT_S = 5.0
"""Seconds after which no further question is asked, however many topics there are: a stop waits for them."""

Place: TypeAlias = tuple[str, int]
"""A topic and the number of a partition."""


class KafkaQuestions:
    """A client that asks about topics and a group. Threads share it."""

    def __init__(self, properties: Mapping[str, str | int | bool], group: str) -> None:
        """`properties` name the cluster and how to connect to it."""
        # Brokers that make topics would otherwise make one of each name that is asked for, however it is misspelt.
        self._client = AdminClient({**properties, "allow.auto.create.topics": False}, logger=log)
        self._group = group

    def problem(self, topics: Sequence[str]) -> str | None:
        """Return why topics cannot be read now; None if they can."""
        until = time.monotonic() + ALL_TIMEOUT_S
        try:
            for topic in topics:
                if time.monotonic() >= until:
                    return "the cluster does not respond in time"
                found = self._client.list_topics(topic, timeout=ASK_TIMEOUT_S).topics[topic]
                if found.error is not None:
                    return f"{topic}: {found.error.str()}"
        except KafkaException as error:
            return str(error.args[0].str())
        return None

    def messages_behind(self, positions: Mapping[Place, int | None]) -> int | None:
        """Return the messages behind the newest ones, in all partitions; None if the cluster does not tell in time.

        `positions` are where to read on. None: where the group has committed.
        """
        try:
            newest = self._offsets(positions, OffsetSpec.latest())  # type: ignore[no-untyped-call]
            oldest = self._offsets(positions, OffsetSpec.earliest())  # type: ignore[no-untyped-call]
            stored = self._committed([place for place, position in positions.items() if position is None])
        except (KafkaException, TimeoutError):
            return None
        return sum(
            max(0, newest[place] - max(oldest[place], stored.get(place, 0) if position is None else position))
            for place, position in positions.items()
        )

    def _offsets(self, places: Collection[Place], which: OffsetSpec) -> dict[Place, int]:
        if not places:
            return {}
        found = self._client.list_offsets(
            {TopicPartition(*place): which for place in places},
            isolation_level=IsolationLevel.READ_COMMITTED,
            request_timeout=ASK_TIMEOUT_S,
        )
        return {(each.topic, each.partition): future.result(ASK_TIMEOUT_S).offset for each, future in found.items()}

    def _committed(self, places: Collection[Place]) -> dict[Place, int]:
        """Return where the group reads on; a negative number where it has committed nothing."""
        if not places:
            return {}
        asked = ConsumerGroupTopicPartitions(self._group, [TopicPartition(*place) for place in places])
        [future] = self._client.list_consumer_group_offsets([asked], request_timeout=ASK_TIMEOUT_S).values()
        return {(each.topic, each.partition): each.offset for each in future.result(ASK_TIMEOUT_S).topic_partitions}
