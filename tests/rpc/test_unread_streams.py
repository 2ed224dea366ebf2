"""Streams whose caller does not read, or does not take their end, leave their threads to others."""

from __future__ import annotations

from dataclasses import replace

import grpc
import pytest

from load_generator.frames import WINDOW_MAX
from shared.rpc import server, unread_responses
from shared.rpc.open_streams import PATIENCE
from shared.runtime.telemetry import Telemetry
from tests.rpc.echo_streams import BATCH, METHOD, STREAMS, is_served, serving
from tests.rpc.large_responses import LargeResponses
from tests.support.raw_caller import RawCaller
from tests.support.waiting import wait_until


def test_streams_whose_responses_are_not_read_yield_to_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "PATIENCE", replace(PATIENCE, unread_s=0.3))
    telemetry = Telemetry()

    def open_now() -> float:
        return telemetry.registry.get_sample_value("rpc_streams_open") or 0

    with serving(telemetry) as port, RawCaller(port, window_bytes=0) as attacker:
        for _ in range(STREAMS):
            attacker.send(attacker.open(METHOD), BATCH.SerializeToString(), last=False)
        wait_until(lambda: open_now() == STREAMS)
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            assert is_served(channel)
            # The attacker's streams are ended one by one; those whose places are not needed stay.
            wait_until(lambda: open_now() < STREAMS)


def test_a_stream_on_a_connection_that_accepts_nothing_leaves_its_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "PATIENCE", replace(PATIENCE, unread_s=0.3))
    monkeypatch.setattr(unread_responses, "YIELD_S", 60.0)
    monkeypatch.setattr(unread_responses, "HOLD_S", 0.2)
    telemetry, large = Telemetry(), LargeResponses()
    with serving(telemetry, large.respond) as port, RawCaller(port, reads=False, window_bytes=WINDOW_MAX) as attacker:
        large.fill([attacker], METHOD.replace("StreamEvents", "ReportEvent"), telemetry)
        for _ in range(STREAMS):
            attacker.send(attacker.open(METHOD), BATCH.SerializeToString(), last=False)
        wait_until(lambda: telemetry.registry.get_sample_value("rpc_streams_open") == STREAMS)
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            assert is_served(channel)
        wait_until(lambda: attacker.is_cut)
