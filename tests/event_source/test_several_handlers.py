"""A target with several event handlers: all are used, and one that cannot take events is left out."""

from __future__ import annotations

import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from event_source.handler_calls import OPTIONS, HandlerCalls, raw_method
from event_source.pump import Bounds, Pump
from event_source.telemetry import SourceTelemetry
from shared.runtime.outgoing_channel import OutgoingChannel
from shared.runtime.telemetry import Telemetry
from tests.event_source.brokers import NatsUnderTest
from tests.event_source.journeys import Journey, journey, wins
from tests.event_source.mappings import MATCHES, mapping_of
from tests.event_source.scripted_handler import MemoryBroker, ScriptedHandler, serving
from tests.event_source.test_pump import applied, logins, settled
from tests.support.proxy import TcpProxy
from tests.support.service_process import ServiceProcess
from tests.support.waiting import wait_until

CALLS = 20
CALL_TIMEOUT_S = 2
GONE_S = 50.0
"""Seconds in which a silent handler is noticed, 20 on an idle machine; by gRPC's defaults it would be 70."""
IN_A_ROW = 6
"""Calls of which half would reach a handler that is in use."""


def target_of(*ports: int) -> str:
    return "ipv4:" + ",".join(f"127.0.0.1:{port}" for port in ports)


@pytest.fixture
def nats(request: pytest.FixtureRequest) -> NatsUnderTest:
    """Return a broker; which kind it is makes no difference here."""
    return NatsUnderTest(request.getfixturevalue("nats_broker"))


def second_handler(way: Journey, stack: ExitStack) -> ServiceProcess:
    """Start another handler on the database of a journey."""
    second = stack.enter_context(ServiceProcess("event_handler", way.database_url, DRAIN_S="2"))
    second.wait_until_serving()
    return second


def test_all_handlers_get_batches_and_each_event_one_call(tmp_path: Path) -> None:
    handlers = ScriptedHandler(applied), ScriptedHandler(applied)
    messages = logins(*(f"player {number}" for number in range(CALLS * 1_000)))
    broker, telemetry = MemoryBroker(messages), SourceTelemetry(Telemetry())
    with serving(handlers[0]) as first, serving(handlers[1]) as second:
        addresses = ",".join((first, second))
        channel = OutgoingChannel(f"ipv4:{addresses}", raw_method, options=OPTIONS)
        calls = HandlerCalls(channel, telemetry, timeout_s=30)
        pump = Pump(broker, mapping_of(tmp_path, MATCHES), calls, telemetry, Bounds())
        pump.start()
        wait_until(lambda: settled(broker, messages))
        pump.stop(20)
        calls.close()
    reported = [event.event_id for handler in handlers for event in handler.reported]
    assert sorted(reported) == sorted(message.position for message in messages)
    assert min(handler.calls for handler in handlers) >= CALLS // 4
    assert broker.committed == sorted(broker.committed)


@pytest.mark.slow
def test_handlers_that_stop_one_after_the_other_fail_no_call(
    nats: NatsUnderTest, database_url: str, tmp_path: Path
) -> None:
    with ExitStack() as stack, journey(nats, database_url, tmp_path, DRAIN_S="2") as way:
        handlers = way.handler, second_handler(way, stack)
        source = way.source(SOURCE_HANDLER=target_of(*(handler.port for handler in handlers)))
        source.wait_until_serving()
        for handler in handlers:
            way.publish(wins(2_000, first=len(way.published)))
            assert handler.stop(60) == 0
            way.publish(wins(2_000, first=len(way.published)))
            way.wait_until_counted()
            handler.start()
            handler.wait_until_serving()
        way.publish(wins(2_000, first=len(way.published)))
        way.wait_until_counted()
        assert source.logged("call failed, pausing") == []
        assert source.stop(90) == 0


@pytest.mark.slow
def test_a_handler_whose_machine_is_gone_is_left_out(nats: NatsUnderTest, database_url: str, tmp_path: Path) -> None:
    with ExitStack() as stack, journey(nats, database_url, tmp_path) as way:
        handlers = way.handler, second_handler(way, stack)
        ways = [stack.enter_context(TcpProxy("127.0.0.1", handler.port)) for handler in handlers]
        source = way.source(
            SOURCE_HANDLER=target_of(*(each.port for each in ways)), SOURCE_CALL_TIMEOUT_S=str(CALL_TIMEOUT_S)
        )
        source.wait_until_serving()
        way.publish(wins(CALLS))
        way.wait_until_counted()
        ways[0].freeze()

        def is_left_out() -> bool:
            for _ in range(IN_A_ROW):
                started = time.monotonic()
                way.publish(wins(1, first=len(way.published)))
                way.wait_until_counted()
                if time.monotonic() - started >= CALL_TIMEOUT_S:
                    return False
            return True

        wait_until(is_left_out, GONE_S)
        ways[0].thaw()
        way.wait_until_counted()
        assert source.stop(90) in (0, 1)
