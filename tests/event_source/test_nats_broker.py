"""The NATS broker finds its way back, and its dead letters end, whatever messages and the client are like."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
from nats.aio.msg import Msg
from nats.js.errors import APIError

from event_source import nats_broker
from event_source.broker import OMITTED_HEADER, POSITION_HEADER
from event_source.message import Message
from event_source.nats_broker import NatsBroker
from event_source.nats_connection import NatsAddress, NatsConnection
from event_source.nats_dead_letters import EXCEEDS_MAXIMUM, HEADER_EXCEEDS_MAXIMUM, letter_forms, publish_letter
from tests.support.waiting import wait_until

HEADERS_MAX = 900
ADDRESS = NatsAddress(url="nats://n:4222", stream="GAME", consumer="c", dead_letters="dead")


class ScriptedConnection:
    """A connection of which the first attempts fail."""

    is_connected = True
    ack_wait_s = 30.0

    def __init__(self, _: NatsAddress, __: Callable[[], Awaitable[None]], on_end: Callable[[], None]) -> None:
        self.on_end = on_end
        self.opened = 0

    async def open(self, _: Callable[[Msg], Awaitable[None]]) -> None:
        self.opened += 1
        if self.opened == 1:
            raise ValueError("the file of credentials is cut off")

    async def reply_all(self, *_: object) -> None:
        """Reply nothing."""

    async def pull(self, *_: object) -> None:
        """Ask for nothing."""

    async def close(self) -> None:
        """Close nothing."""


@pytest.fixture
def broker(monkeypatch: pytest.MonkeyPatch) -> Iterator[NatsBroker]:
    monkeypatch.setattr(nats_broker, "NatsConnection", ScriptedConnection)
    monkeypatch.setattr(nats_broker, "SETUP_RETRY_S", 0.01)
    broker = NatsBroker(ADDRESS)
    yield broker
    broker.close(10.0)


def test_whatever_fails_at_first_is_tried_again(broker: NatsBroker) -> None:
    wait_until(lambda: broker.problem() is None)


def test_a_connection_that_the_client_gives_up_is_opened_again(broker: NatsBroker) -> None:
    wait_until(lambda: broker.problem() is None)
    connection: Any = broker._connection
    broker._loop.call_soon_threadsafe(connection.on_end)
    wait_until(lambda: connection.opened == 3)
    wait_until(lambda: broker.problem() is None)


def test_requests_that_the_consumer_refuses_are_a_problem(broker: NatsBroker) -> None:
    wait_until(lambda: broker.problem() is None)
    connection: Any = broker._connection
    status = {"Status": "409", "Description": "Exceeded MaxRequestMaxBytes of 1024"}
    broker._loop.call_soon_threadsafe(broker._on_status, status)
    wait_until(lambda: connection.opened == 3)


def letter_of(headers: dict[str, str], payload: bytes = b"x") -> Message:
    """Return a message with these headers."""
    original: Any = Msg(_client=None, subject="game.events", data=payload, headers=headers)  # type: ignore[arg-type]
    return Message(payload, "GAME:7", 0, original)


def test_headers_that_cannot_be_sent_are_left_out() -> None:
    odd = {"Nats-Msg-Id": "theirs", "nats-expected-stream": "OTHER", "a(b": "1", "half": "\ud800", "trace": "1"}
    whole = letter_forms(letter_of(odd), "UNMAPPABLE", "is not JSON")[0]
    assert {name: whole.headers[name] for name in whole.headers if not name.startswith("challenge-")} == {
        "half": "?",
        "trace": "1",
        "Nats-Msg-Id": "GAME:7",
    }
    assert whole.size > 0


@pytest.mark.parametrize(
    ("payload", "headers", "stream_max", "sent"),
    [
        (b"x" * 10, {"trace": "1"}, 2_000, (b"x" * 10, "1", None)),
        (b"x" * 2_000, {"trace": "1"}, 2_000, (b"", "1", "true")),
        (b"x" * 500, {"trace": "1"}, 400, (b"", "1", "true")),
        (b"", {"trace": "1" * 2_000}, 2_000, (b"", None, "true")),
        (b"", {"trace": "1" * 1_000}, 2_000, (b"", None, "true")),
    ],
)
def test_a_letter_of_whatever_size_is_stored(
    payload: bytes, headers: dict[str, str], stream_max: int, sent: tuple[bytes, str | None, str | None]
) -> None:
    class Stream:
        """A stream that refuses large messages, behind a server that hangs up on larger ones."""

        def __init__(self) -> None:
            self.stored: list[tuple[bytes, dict[str, str]]] = []

        async def publish(self, _: str, payload: bytes, *, headers: dict[str, str]) -> None:
            size = len(payload) + sum(len(name) + len(value) + 4 for name, value in headers.items())
            assert size <= 2_000, "the server closes the connection"
            if size - len(payload) > HEADERS_MAX:
                raise APIError(code=400, err_code=HEADER_EXCEEDS_MAXIMUM)
            if size > stream_max:
                raise APIError(code=400, err_code=EXCEEDS_MAXIMUM)
            self.stored.append((payload, headers))

    stream: Any = Stream()
    asyncio.run(publish_letter(stream, 2_000, "dead", letter_forms(letter_of(headers, payload), "INVALID", "why")))
    [(stored, with_headers)] = stream.stored
    assert (stored, with_headers.get("trace"), with_headers.get(OMITTED_HEADER)) == sent
    assert with_headers[POSITION_HEADER] == "GAME:7"


def test_a_letter_that_fails_in_whatever_way_is_told_of() -> None:
    ends: list[str | None] = []

    async def closed() -> None:
        """Nothing to do."""

    connection = NatsConnection(ADDRESS, closed, lambda: None)
    asyncio.run(connection.publish_dead_letter(letter_of({}), "INVALID", "why", ends.append))
    client: Any = object()
    connection._client = client
    asyncio.run(connection.publish_dead_letter(letter_of({}), "INVALID", "why", ends.append))
    assert len(ends) == 2
    assert None not in ends
