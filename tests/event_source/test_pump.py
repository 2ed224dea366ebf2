"""The pump settles each message by its verdict, and nothing by the error of a call."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import grpc
import pytest
from challenge.v1 import event_service_pb2 as rpc
from google.protobuf.message import DecodeError
from hypothesis import given, settings
from hypothesis import strategies as st

from event_source.handler_calls import HandlerCalls, raw_method
from event_source.mapping.mapper import Mapper
from event_source.message import Message
from event_source.pump import Bounds, Pump
from event_source.telemetry import SourceTelemetry
from shared.runtime.outgoing_channel import OutgoingChannel
from shared.runtime.telemetry import Telemetry
from tests.event_source.mappings import MATCHES, mapping_of, message
from tests.event_source.scripted_handler import MemoryBroker, Script, ScriptedHandler, serving
from tests.support.waiting import wait_until

GRACE_S = 20.0


@pytest.fixture(scope="module")
def mapper(tmp_path_factory: pytest.TempPathFactory) -> Mapper:
    return mapping_of(tmp_path_factory.mktemp("mapping"), MATCHES)


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("event_source.backoff.FIRST_S", 0.005)
    monkeypatch.setattr("event_source.backoff.LONGEST_S", 0.05)
    monkeypatch.setattr("event_source.dead_letters.RETRY_S", 0.01)
    monkeypatch.setattr("event_source.pump.HOLD_INTERVAL_S", 0.01)
    monkeypatch.setattr("event_source.pump.COMMIT_INTERVAL_S", 0.05)


def applied(_: int, request: rpc.ReportEventsRequest) -> rpc.ReportEventsResponse:
    """Apply all events, but those of the players invalid and late."""
    verdicts = {"invalid": rpc.VERDICT_INVALID, "late": rpc.VERDICT_TOO_OLD, "newer": 17}
    return rpc.ReportEventsResponse(
        results=[
            rpc.EventResult(
                event_id=event.event_id,
                verdict=verdicts.get(event.user_id, rpc.VERDICT_APPLIED),  # type: ignore[arg-type]
                reason=f"because of {event.user_id}" if event.user_id in verdicts else "",
            )
            for event in request.events
        ]
    )


def logins(*players: str) -> list[Message]:
    """Return a login of each player, in order."""
    return [
        message({"type": "login", "bot": False, "player": {"id": player}}, offset)
        for offset, player in enumerate(players)
    ]


@contextmanager
def pumping(
    broker: MemoryBroker, mapper: Mapper, script: Script, bounds: Bounds | None = None, key: str | None = None
) -> Iterator[tuple[Pump, ScriptedHandler]]:
    """Run a pump to an event handler with this script until the block ends."""
    handler, telemetry = ScriptedHandler(script), SourceTelemetry(Telemetry())
    with serving(handler) as target:
        calls = HandlerCalls(OutgoingChannel(target, raw_method), telemetry, timeout_s=30, key=key)
        pump = Pump(broker, mapper, calls, telemetry, bounds or Bounds())
        pump.start()
        try:
            yield pump, handler
        finally:
            pump.stop(GRACE_S)
            calls.close()


def settled(broker: MemoryBroker, messages: Sequence[Message]) -> bool:
    """Return whether everything is committed."""
    return bool(broker.committed) and broker.committed[-1] == len(messages)


def test_events_are_reported_once_and_committed(mapper: Mapper) -> None:
    messages = logins(*(f"player {number}" for number in range(2_500)))
    broker = MemoryBroker(messages)
    with pumping(broker, mapper, applied, key="chk_1") as (pump, handler):
        wait_until(lambda: settled(broker, messages))
        assert pump.problem() is None
    assert [event.event_id for event in sorted(handler.reported, key=lambda each: int(each.event_id[8:]))] == [
        each.position for each in messages
    ]
    assert set(handler.keys) == {"Bearer chk_1"}
    assert broker.letters == []
    assert broker.is_closed


def test_only_verdicts_and_faults_make_dead_letters(mapper: Mapper) -> None:
    messages = [*logins("ada", "invalid", "late", "newer"), message(b"nonsense", 4), message({"type": "other"}, 5)]
    broker = MemoryBroker(messages)
    with pumping(broker, mapper, applied):
        wait_until(lambda: settled(broker, messages))
    assert sorted(broker.letters) == [
        ("topic:0:1", "INVALID", "because of invalid"),
        ("topic:0:2", "TOO_OLD", "because of late"),
        ("topic:0:3", "UNKNOWN_17", "because of newer"),
        ("topic:0:4", "UNMAPPABLE", "is not JSON: Expecting value: line 1 column 1 (char 0)"),
    ]


def test_nothing_is_committed_before_its_dead_letter_is_confirmed(
    mapper: Mapper, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("event_source.pump.COMMIT_INTERVAL_S", 0.0)
    messages = [*logins("ada", "invalid", "ada")]
    broker = MemoryBroker(messages, letters_refused=5)
    with pumping(broker, mapper, applied) as (pump, _):
        wait_until(lambda: pump.is_paused)
        wait_until(lambda: settled(broker, messages))
        wait_until(lambda: not pump.is_paused)
    assert set(broker.committed) <= {0, 1, 3}
    assert len(broker.letters) == 1


def test_a_failed_call_pauses_in_place_and_is_sent_again_unchanged(mapper: Mapper) -> None:
    requests: list[rpc.ReportEventsRequest] = []

    def failing(number: int, request: rpc.ReportEventsRequest) -> rpc.ReportEventsResponse | grpc.StatusCode:
        requests.append(request)
        errors = [grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.UNAUTHENTICATED]
        return errors[number % 3] if number < 4 else applied(number, request)

    messages = logins("ada", "bo")
    broker = MemoryBroker(messages)
    with pumping(broker, mapper, failing) as (pump, handler):
        wait_until(lambda: pump.problem() == "calls of the event handler fail")
        wait_until(lambda: settled(broker, messages))
        wait_until(lambda: pump.problem() is None)
    assert requests[0] == requests[-1] == requests[1]
    assert len(handler.reported) == 2
    assert broker.letters == []
    assert broker.held, "the broker hears of a source that waits"


def test_held_events_are_bounded(mapper: Mapper) -> None:
    messages = logins(*(f"player {number}" for number in range(5_000)))
    broker = MemoryBroker(messages)
    failing = [True]

    def script(number: int, request: rpc.ReportEventsRequest) -> rpc.ReportEventsResponse | grpc.StatusCode:
        return grpc.StatusCode.UNAVAILABLE if failing else applied(number, request)

    with pumping(broker, mapper, script, Bounds(messages=1_200, calls=2)) as (_, handler):
        wait_until(lambda: handler.calls > 3)
        failing.clear()
        wait_until(lambda: settled(broker, messages))
    assert broker.open_max <= 1_200


def test_a_stop_reports_what_was_received(mapper: Mapper) -> None:
    messages = logins("ada", "bo", "cy")
    broker = MemoryBroker(messages)
    with pumping(broker, mapper, applied):
        wait_until(lambda: broker.open_max == 3)
    assert broker.committed[-1] == 3


def test_a_large_batch_is_sent_in_parts(mapper: Mapper) -> None:
    sizes: list[int] = []

    def measured(number: int, request: rpc.ReportEventsRequest) -> rpc.ReportEventsResponse:
        sizes.append(request.ByteSize())
        return applied(number, request)

    wide = "\U0001f600" * 250
    messages = [
        message({"type": "match_won", "player": {"id": wide}, "match": f"{wide[:200]}{number}", "map": wide, "wins": 1,
                 "at": "2026-01-01T00:00:00Z"}, number)
        for number in range(1_500)
    ]  # fmt: skip
    broker = MemoryBroker(messages)
    with pumping(broker, mapper, measured) as (_, handler):
        wait_until(lambda: settled(broker, messages))
    assert max(sizes) < 1024 * 1024
    assert len(handler.reported) == 1_500


@settings(max_examples=8)
@given(seed=st.integers(0, 2**32))
def test_whatever_fails_every_message_has_one_end(mapper: Mapper, seed: int) -> None:
    chance = random.Random(seed)
    players = [chance.choice(["ada", "bo", "invalid", "late", ""]) for _ in range(chance.randint(1, 3_000))]
    messages = [
        logins(*[player])[0]._replace(position=f"topic:0:{offset}", origin=offset) if player else message(b"x", offset)
        for offset, player in enumerate(players)
    ]

    def unsteady(number: int, request: rpc.ReportEventsRequest) -> rpc.ReportEventsResponse | grpc.StatusCode:
        return grpc.StatusCode.UNAVAILABLE if chance.random() < 0.2 else applied(number, request)

    broker = MemoryBroker(messages, letters_refused=chance.randint(0, 3))
    with pumping(broker, mapper, unsteady, Bounds(messages=chance.randint(1, 2_000), calls=chance.randint(1, 4))) as (
        _,
        handler,
    ):
        wait_until(lambda: settled(broker, messages))
    dead = {position for position, _, _ in broker.letters}
    assert dead == {f"topic:0:{offset}" for offset, player in enumerate(players) if player not in ("ada", "bo")}
    assert len(broker.letters) == len(dead)
    good = {event.event_id for event in handler.reported if event.user_id in ("ada", "bo")}
    assert good == {f"topic:0:{offset}" for offset, player in enumerate(players) if player in ("ada", "bo")}
    assert broker.committed == sorted(broker.committed)


def test_a_broker_that_cannot_be_left_is_a_failure_of_the_stop(mapper: Mapper) -> None:
    class Stuck(MemoryBroker):
        def close(self, timeout_s: float) -> None:
            raise OSError(f"not closed in {timeout_s} s")

    with pytest.raises(OSError, match="not closed"), pumping(Stuck([]), mapper, applied):
        pass


def test_a_pump_that_failed_ends_the_process_even_if_the_broker_cannot_be_left(mapper: Mapper) -> None:
    class Broken(MemoryBroker):
        def receive(self, count_max: int, bytes_max: int, timeout_s: float) -> Sequence[Message]:
            raise ValueError(f"no {count_max} messages of {bytes_max} bytes in {timeout_s} s")

        def close(self, timeout_s: float) -> None:
            raise OSError(f"not closed in {timeout_s} s")

    ended = threading.Event()
    telemetry = SourceTelemetry(Telemetry())
    calls = HandlerCalls(OutgoingChannel("127.0.0.1:1", raw_method), telemetry, timeout_s=1)
    pump = Pump(Broken([]), mapper, calls, telemetry, Bounds(), ended.set)
    pump.start()
    assert ended.wait(GRACE_S)
    with pytest.raises(ValueError, match="no 1000 messages"):
        pump.stop(GRACE_S)
    calls.close()


def test_a_call_whose_end_cannot_be_read_is_made_again(mapper: Mapper, monkeypatch: pytest.MonkeyPatch) -> None:
    def unreadable(_: object) -> int:
        raise DecodeError("the details are cut off")

    monkeypatch.setattr("event_source.handler_calls.retry_delay", unreadable)

    def failing(number: int, request: rpc.ReportEventsRequest) -> rpc.ReportEventsResponse | grpc.StatusCode:
        return applied(number, request) if number else grpc.StatusCode.UNAVAILABLE

    messages = logins("ada")
    broker = MemoryBroker(messages)
    with pumping(broker, mapper, failing):
        wait_until(lambda: settled(broker, messages))


def test_messages_that_are_not_open_any_more_but_held_are_bounded_too(mapper: Mapper) -> None:
    class Forgetful(MemoryBroker):
        """Loses each partition as soon as it has received something."""

        received = 0

        def receive(self, count_max: int, bytes_max: int, timeout_s: float) -> Sequence[Message]:
            found = super().receive(count_max, bytes_max, timeout_s)
            self.received += len(found)
            return found

        def open_messages(self) -> int:
            return 0

    broker = Forgetful(logins(*["invalid"] * 3_000), letters_refused=1_000_000)
    monkeypatched = Bounds(messages=1_000, calls=2)
    handler, telemetry = ScriptedHandler(applied), SourceTelemetry(Telemetry())
    with serving(handler) as target:
        calls = HandlerCalls(OutgoingChannel(target, raw_method), telemetry, timeout_s=30)
        pump = Pump(broker, mapper, calls, telemetry, monkeypatched)
        pump.start()
        wait_until(lambda: pump.is_paused)
        wait_until(lambda: broker.held > 2)
        pump.stop(0.0)
        calls.close()
    assert broker.received == 1_000
