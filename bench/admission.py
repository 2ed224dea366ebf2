"""The CPU time of judging the callers of calls and of counting against their limits, in this process.

It is a hundredth of a whole call, and less than two processes that do the same differ by.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from itertools import cycle, islice
from pathlib import Path
from types import SimpleNamespace
from typing import TypeVar

from challenge.v1 import statistics_service_pb2 as statistics

from shared.callers.callers_file import read_callers
from shared.callers.live_callers import LiveCallers
from shared.domain.access import Caller
from shared.domain.caller_limits import CallerLimits, Limit
from shared.rpc.caller_gate import CallerGate, MethodGate
from shared.rpc.caller_quotas import CallerQuotas
from shared.rpc.grpc_internals import ServerCall
from shared.rpc.method_access import access_of
from shared.runtime.telemetry import Telemetry

COUNTED = 200_000
"""Number of calls."""
_METHOD = statistics.DESCRIPTOR.services_by_name["StatisticsService"].methods_by_name["GetPlayerStats"]
_HEADERS = (("user-agent", "grpc-python/1.80.0 grpc-c/50.0.0 (linux; chttp2)"),)
"""Those that gRPC passes on beside the credential."""

T = TypeVar("T")


def judging_us(file: Path, authorizations: Sequence[str], players: Sequence[str]) -> float:
    """Return the CPU in microseconds of all that a call of `GetPlayerStats` does for a caller who was seen before.

    `file` is that of the callers. Each of `authorizations` is a value of the header, of a call for the player in the
    same place.
    """
    callers = LiveCallers(read_callers([file.read_bytes()]))
    callers.refresh_keys()
    access = access_of(_METHOD)
    gate = MethodGate(CallerGate(callers, Telemetry()), _METHOD.full_name, access, None)
    connection = SimpleNamespace(peer=lambda: b"ipv4:127.0.0.1:50000")
    calls = [
        (
            SimpleNamespace(call=connection, invocation_metadata=(*_HEADERS, ("authorization", authorization))),
            statistics.GetPlayerStatsRequest(user_id=player),
        )
        for authorization, player in zip(authorizations, players, strict=True)
    ]

    def judge(arriving: tuple[object, statistics.GetPlayerStatsRequest]) -> None:
        event, request = arriving
        call = ServerCall(event, None)
        if not gate.admits(call):
            raise AssertionError("the bench's own caller is refused")
        gate.as_caller(call, _respond)
        if call.caller is not None and call.caller.player is not None:
            access.require_own(request, call.caller.player)

    def accept(arriving: tuple[object, statistics.GetPlayerStatsRequest]) -> None:
        event, _ = arriving
        ServerCall(event, None)

    for arriving in calls:
        judge(arriving)
    every = list(islice(cycle(calls), COUNTED))
    return _cpu_us(judge, every) - _cpu_us(accept, every)


def _respond() -> None:
    """Stand for the method."""


def counting_us(callers_count: int) -> float:
    """Return the CPU in microseconds of all that a call of `ReportEvents` does for the limits of its caller."""
    quotas = CallerQuotas(Telemetry())
    limits = CallerLimits(*[1e6] * len(Limit))
    callers = [Caller("game", frozenset(), f"player {number}", limits=limits) for number in range(callers_count)]

    def count(caller: Caller) -> None:
        quotas.refusal(caller, Limit.EVENTS, 0.0)
        quotas.refusal(caller, Limit.CALLS)
        quotas.refusal(caller, Limit.EVENTS, 10.0)

    for caller in callers:
        count(caller)
    return _cpu_us(count, random.Random(1).choices(callers, k=COUNTED))


def _cpu_us(work: Callable[[T], object], items: Sequence[T]) -> float:
    """Return the CPU time in microseconds of work on one item, with the call of it."""
    started = time.process_time()
    for item in items:
        work(item)
    return (time.process_time() - started) / len(items) * 1e6
