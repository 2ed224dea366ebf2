"""Streams whose caller does not read, or does not take their end, leave their threads to others."""

from __future__ import annotations

from dataclasses import replace

import grpc
import pytest

from shared.rpc import server
from shared.rpc.open_streams import PATIENCE
from shared.runtime.telemetry import Telemetry
from tests.rpc.echo_streams import BATCH, METHOD, STREAMS, is_served, serving
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
            # The attacker's streams went one by one: those whose places nobody needs stay.
            wait_until(lambda: open_now() < STREAMS)
