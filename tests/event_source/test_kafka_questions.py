"""Health and lag of a source that reads Kafka, while it reads."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient

from devstack.kafka import EmbeddedKafka
from event_source.kafka_broker import KafkaAddress, KafkaBroker
from event_source.kafka_questions import KafkaQuestions
from event_source.message import Message
from tests.event_source.brokers import PARTITIONS, KafkaUnderTest
from tests.support.waiting import wait_until

pytestmark = pytest.mark.slow

MESSAGES = 100
QUESTIONS = 5
ASKED_S = 20.0
"""Seconds for all questions, which take milliseconds; each of them waited for minutes once."""


@pytest.fixture
def kafka(request: pytest.FixtureRequest) -> KafkaUnderTest:
    return KafkaUnderTest(request.getfixturevalue("kafka_broker"))


@contextmanager
def reading(
    kafka: KafkaUnderTest, settled: Callable[[Sequence[Message]], object] | None = None
) -> Iterator[KafkaBroker]:
    """Read without a pause until the block ends, and settle nothing, or everything and tell of it."""
    address = KafkaAddress(servers=kafka.server.url, topics=[kafka.topic], group=kafka.topic, dead_letters="dead")
    broker, ended = KafkaBroker(address), threading.Event()

    def read() -> None:
        while not ended.is_set():
            messages = broker.receive(1_000, 1_000_000, 0.2)
            if settled is not None:
                broker.settle(messages)
                settled(messages)

    thread = threading.Thread(target=read)
    thread.start()
    try:
        yield broker
    finally:
        ended.set()
        thread.join()
        broker.close(5)


def test_health_and_lag_can_be_asked_for_while_messages_are_waited_for(kafka: KafkaUnderTest) -> None:
    with reading(kafka) as broker:
        kafka.publish([b"{}"] * MESSAGES)
        wait_until(lambda: broker.open_messages() == MESSAGES, 60)
        begun = time.monotonic()
        for _ in range(QUESTIONS):
            assert broker.problem() is None
            assert broker.lag() == MESSAGES
        assert time.monotonic() - begun < ASKED_S


def test_the_lag_is_counted_from_where_the_group_has_committed(kafka: KafkaUnderTest) -> None:
    questions = KafkaQuestions({"bootstrap.servers": kafka.server.url}, kafka.topic)
    unread = {(kafka.topic, number): None for number in range(PARTITIONS)}
    # A topic that was just made may have no leaders yet.
    wait_until(lambda: questions.messages_behind(unread) is not None)
    assert questions.messages_behind(unread) == 0
    kafka.publish([b"{}"] * MESSAGES)
    assert questions.messages_behind(unread) == MESSAGES
    settled: list[Message] = []
    with reading(kafka, settled.extend) as broker:
        wait_until(lambda: len(settled) == MESSAGES, 60)
        assert broker.lag() == 0
    assert questions.messages_behind(unread) == 0
    kafka.publish([b"{}"] * QUESTIONS)
    assert questions.messages_behind(unread) == QUESTIONS


def test_a_topic_or_a_cluster_that_is_not_there_is_a_problem(kafka: KafkaUnderTest) -> None:
    questions = KafkaQuestions({"bootstrap.servers": kafka.server.url}, kafka.topic)
    assert questions.problem([kafka.topic]) is None
    assert "no-topic" in (questions.problem([kafka.topic, "no-topic"]) or "")
    away = KafkaQuestions({"bootstrap.servers": "127.0.0.1:1"}, kafka.topic)
    assert away.problem([kafka.topic]) is not None
    assert away.messages_behind({(kafka.topic, 0): 0}) is None


@pytest.mark.usefixtures("kafka")
def test_a_question_makes_no_topic(tmp_path: Path) -> None:
    with EmbeddedKafka(tmp_path / "kafka", makes_topics=True) as server:
        questions = KafkaQuestions({"bootstrap.servers": server.url}, "group")
        for _ in range(QUESTIONS):
            assert questions.problem(["misspelt"]) is not None
            assert questions.messages_behind({("misspelt", 0): 0}) is None
        assert "misspelt" not in AdminClient({"bootstrap.servers": server.url}).list_topics().topics
