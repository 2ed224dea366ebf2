"""The Kafka broker and its client, whatever rebalances and the cluster do meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException, TopicPartition

from event_source import kafka_broker, kafka_dead_letters
from event_source.broker import OMITTED_HEADER, POSITION_HEADER
from event_source.kafka_broker import KafkaAddress, KafkaBroker
from event_source.message import Message

GAME = "game"


class ScriptedClient:
    """A consumer and a producer that keep what was asked of them."""

    size_max = 1_000_000

    def __init__(self, *_: object, **__: object) -> None:
        self.assigned: list[TopicPartition] = []
        self.paused: set[int] = set()
        self.next_poll: Callable[[], Any] = lambda: None
        self.letters: list[tuple[bytes | None, bytes | None, dict[str, Any]]] = []

    def subscribe(self, _: Sequence[str], **callbacks: Callable[[Any, list[TopicPartition]], None]) -> None:
        self.callbacks = callbacks

    def assign(self, *numbers: int) -> None:
        """Give further partitions to this process."""
        added = [TopicPartition(GAME, number) for number in numbers]
        self.callbacks["on_assign"](self, added)
        self.assigned += added

    def assignment(self) -> list[TopicPartition]:
        return list(self.assigned)

    def pause(self, partitions: Sequence[TopicPartition]) -> None:
        self.paused |= {each.partition for each in partitions}

    def resume(self, partitions: Sequence[TopicPartition]) -> None:
        self.paused -= {each.partition for each in partitions}

    def poll(self, _: float) -> Any:
        polled, self.next_poll = self.next_poll(), lambda: None
        return polled

    def consume(self, *_: object) -> list[Any]:
        return []

    def produce(
        self, _: str, payload: bytes | None, key: bytes | None, *, headers: list[tuple[str, Any]], on_delivery: Any
    ) -> None:
        """Refuse what is too large, as the client does before it sends, and confirm the rest."""
        size = len(payload or b"") + len(key or b"") + sum(len(name) + len(value) for name, value in headers)
        if size > self.size_max:
            raise KafkaException(KafkaError(KafkaError.MSG_SIZE_TOO_LARGE))
        self.letters.append((payload, key, dict(headers)))
        on_delivery(None, None)


class Original:
    """A message as the client has it."""

    def __init__(self, headers: Any, key: bytes | None = None, error: KafkaError | None = None) -> None:
        self._headers, self._key, self._error = headers, key, error

    def error(self) -> KafkaError | None:
        return self._error

    def headers(self) -> Any:
        if isinstance(self._headers, Exception):
            raise self._headers
        return self._headers

    def key(self) -> bytes | None:
        return self._key

    def offset(self) -> int:
        return 7


@pytest.fixture
def broker(monkeypatch: pytest.MonkeyPatch) -> KafkaBroker:
    monkeypatch.setattr(kafka_broker, "Consumer", ScriptedClient)
    monkeypatch.setattr(kafka_dead_letters, "Producer", ScriptedClient)
    return KafkaBroker(KafkaAddress(servers="k:9092", topics=[GAME], group="g", dead_letters="dead"))


@pytest.fixture
def client(broker: KafkaBroker) -> ScriptedClient:
    client: Any = broker._consumer
    assert isinstance(client, ScriptedClient)
    return client


def test_partitions_that_come_while_nothing_is_wanted_do_not_leave_the_others_paused(
    broker: KafkaBroker, client: ScriptedClient
) -> None:
    client.assign(0, 1)
    client.next_poll = lambda: client.assign(2)
    broker.hold()
    assert client.paused == {0, 1}
    broker.receive(10, 1_000, 0.0)
    assert client.paused == set()


def test_partitions_that_come_while_nothing_is_wanted_are_paused_at_the_next_sign_of_life(
    broker: KafkaBroker, client: ScriptedClient
) -> None:
    client.assign(0)
    client.next_poll = lambda: client.assign(1)
    broker.hold()
    broker.hold()
    assert client.paused == {0, 1}
    broker.receive(10, 1_000, 0.0)
    assert client.paused == set()


def test_an_error_after_which_the_client_does_nothing_more_ends_the_source(
    broker: KafkaBroker, client: ScriptedClient
) -> None:
    client.next_poll = lambda: Original(None, error=KafkaError(KafkaError._ALL_BROKERS_DOWN))
    assert broker.receive(10, 1_000, 0.0) == []
    client.next_poll = lambda: Original(None, error=KafkaError(KafkaError._FENCED, "another has this id", True))
    with pytest.raises(KafkaException):
        broker.receive(10, 1_000, 0.0)


@pytest.mark.parametrize(
    ("original", "payload", "key", "headers"),
    [
        (Original([("trace", b"1")], b"k"), b"x" * 100, b"k", {"trace": b"1"}),
        (Original([("trace", b"1")], b"k"), None, b"k", {"trace": b"1", OMITTED_HEADER: "true"}),
        (Original([("trace", b"1" * 1_000_000)], b"k"), None, None, {OMITTED_HEADER: "true"}),
        (Original([("trace", b"1")], b"k" * 1_000_000), None, None, {OMITTED_HEADER: "true"}),
        (Original(UnicodeDecodeError("utf-8", b"\xff", 0, 1, "a name")), b"x" * 100, None, {}),
    ],
)
def test_a_letter_of_whatever_size_is_confirmed(
    broker: KafkaBroker, original: Original, payload: bytes | None, key: bytes | None, headers: dict[str, Any]
) -> None:
    content = payload or b"x" * 999_999
    ends: list[str | None] = []
    producer: Any = broker._dead_letters._producer
    broker.dead_letter(Message(content, "game:0:7", 0, (None, 7, original)), "UNMAPPABLE", "is not JSON", ends.append)
    assert ends == [None]
    [(sent, sent_key, sent_headers)] = producer.letters
    assert (sent, sent_key) == (payload, key)
    assert sent_headers[POSITION_HEADER] == "game:0:7"
    assert {name: value for name, value in sent_headers.items() if name in ("trace", OMITTED_HEADER)} == headers
