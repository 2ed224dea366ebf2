"""Responses that their callers do not read are bounded in number and in bytes."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from load_generator.frames import WINDOW_MAX
from shared.rpc import unread_responses
from shared.runtime.telemetry import Telemetry
from tests.rpc.large_responses import MIB, LargeResponses
from tests.rpc.serving import METHOD, start
from tests.rpc.test_slow_callers import served
from tests.support.raw_caller import RawCaller
from tests.support.waiting import wait_until

PATH = METHOD.removeprefix("/")


def unread_mib(telemetry: Telemetry) -> float:
    return (telemetry.registry.get_sample_value("rpc_unread_bytes") or 0) / MIB


def test_unread_responses_are_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unread_responses, "UNREAD_MAX", 3)
    monkeypatch.setattr(unread_responses, "YIELD_S", 0.3)
    monkeypatch.setattr(unread_responses, "UNREAD_S", 1.5)
    telemetry = Telemetry()

    def dropped() -> float:
        return telemetry.registry.get_sample_value("rpc_slow_callers_total", {"reason": "unread"}) or 0

    response = b"\x1a" + b"\x80\x80\x10" + bytes(262_144)
    with (
        served(lambda _request, _context: response, telemetry=telemetry) as (port, channel),
        RawCaller(port, reads=False) as attacker,
    ):
        for _ in range(10):
            attacker.send(attacker.open(PATH), b"")
        # At most three of them stay for longer, and those not for ever.
        wait_until(lambda: dropped() >= 7)
        wait_until(lambda: dropped() == 10)
        assert len(start(channel, METHOD).result()) == len(response)


@pytest.mark.parametrize("attackers", [1, 2])
def test_connections_beyond_their_bytes_are_refused_and_then_ended(
    monkeypatch: pytest.MonkeyPatch, attackers: int
) -> None:
    monkeypatch.setattr(unread_responses, "CONNECTION_BYTES_MAX", 4 * MIB if attackers == 1 else 100 * MIB)
    monkeypatch.setattr(unread_responses, "TOTAL_BYTES_MAX", 100 * MIB if attackers == 1 else 4 * MIB)
    monkeypatch.setattr(unread_responses, "YIELD_S", 60.0)
    monkeypatch.setattr(unread_responses, "HOLD_S", 0.2)
    telemetry, large = Telemetry(), LargeResponses()
    with ExitStack() as stack:
        port, channel = stack.enter_context(served(large.respond, telemetry=telemetry))
        attacks = [stack.enter_context(RawCaller(port, reads=False, window_bytes=WINDOW_MAX)) for _ in range(attackers)]
        large.fill(attacks, PATH, telemetry)
        # One more for each connection than the bound, at most.
        assert 4 < unread_mib(telemetry) <= 4 + attackers
        # Others are served meanwhile.
        assert len(start(channel, METHOD, timeout=60).result()) == MIB
        # The connections are ended, with all that was held for them.
        monkeypatch.setattr(unread_responses, "YIELD_S", 0.3)
        monkeypatch.setattr(unread_responses, "STALL_S", 0.3)
        wait_until(lambda: any(attack.is_cut for attack in attacks))
        monkeypatch.setattr(unread_responses, "FAIR_BYTES", 0)
        monkeypatch.setattr(unread_responses, "TOTAL_BYTES_MAX", 0)
        wait_until(lambda: all(attack.is_cut for attack in attacks))
        wait_until(lambda: not unread_mib(telemetry))
        assert len(start(channel, METHOD, timeout=60).result()) == MIB


def test_calls_that_stay_although_they_were_cancelled_end_their_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unread_responses, "CONNECTION_BYTES_MAX", 4 * MIB)
    monkeypatch.setattr(unread_responses, "YIELD_S", 60.0)
    monkeypatch.setattr(unread_responses, "HOLD_S", 0.2)
    telemetry, large = Telemetry(), LargeResponses()
    with (
        served(large.respond, telemetry=telemetry) as (port, _),
        RawCaller(port, reads=False, window_bytes=WINDOW_MAX) as attacker,
    ):
        large.fill([attacker], PATH, telemetry)
        monkeypatch.setattr(unread_responses, "CONNECTION_BYTES_MAX", 100 * MIB)
        monkeypatch.setattr(unread_responses, "UNREAD_S", 0.3)
        monkeypatch.setattr(unread_responses, "YIELD_S", 0.3)
        monkeypatch.setattr(unread_responses, "STALL_S", 0.3)
        wait_until(lambda: attacker.is_cut)
        wait_until(lambda: not unread_mib(telemetry))


def test_a_slow_reader_gets_all_its_responses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unread_responses, "CONNECTION_BYTES_MAX", 4 * MIB)
    monkeypatch.setattr(unread_responses, "YIELD_S", 60.0)
    monkeypatch.setattr(unread_responses, "HOLD_S", 60.0)
    telemetry, large = Telemetry(), LargeResponses()
    with (
        served(large.respond, telemetry=telemetry) as (port, _),
        RawCaller(port, reads=False, window_bytes=WINDOW_MAX) as caller,
    ):
        calls = []
        while (telemetry.registry.get_sample_value("rpc_calls_held") or 0) < 10:
            calls.append(caller.open(PATH))
            replied = large.count
            caller.send(calls[-1], b"")
            wait_until(
                lambda replied=replied: (
                    large.count > replied  # type: ignore[misc]
                    or telemetry.registry.get_sample_value("rpc_calls_held")
                )
            )
        caller.start_reading()
        wait_until(lambda: len(caller.statuses) == len(calls), deadline_s=30)
        assert {status.code for status in caller.statuses.values()} == {0}
