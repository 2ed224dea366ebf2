"""Fixtures of this folder: real brokers, where they can be had."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from devstack.kafka import EmbeddedKafka, missing
from devstack.nats import SETTING, EmbeddedNats, nats_server
from tests.event_source.brokers import BrokerUnderTest, KafkaUnderTest, NatsUnderTest


@pytest.fixture(scope="session")
def nats_broker(server_folder: Path) -> Iterator[EmbeddedNats]:
    """Return the NATS server that tests share, or skip."""
    if nats_server() is None:
        pytest.skip(f"no nats-server: make tools builds it, or {SETTING} names it")
    with EmbeddedNats(server_folder / "nats") as server:
        yield server


@pytest.fixture(scope="session")
def kafka_broker(server_folder: Path) -> Iterator[EmbeddedKafka]:
    """Return the Kafka that tests share, or skip."""
    if (reason := missing()) is not None:
        pytest.skip(reason)
    with EmbeddedKafka(server_folder / "kafka") as server:
        yield server


@pytest.fixture(params=["nats", "kafka"])
def broker(request: pytest.FixtureRequest) -> BrokerUnderTest:
    """Return a broker of each kind, with topics of this test's own."""
    if request.param == "nats":
        return NatsUnderTest(request.getfixturevalue("nats_broker"))
    return KafkaUnderTest(request.getfixturevalue("kafka_broker"))
