"""Callers that report the oracle's events until stopped, and retry failed calls."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial

import grpc
from challenge.v1 import event_service_pb2 as rpc
from challenge.v1.event_service_pb2_grpc import EventServiceStub

from tests.support.oracle import Oracle
from tests.support.waiting import wait_until

UNARY_CALLERS = 4
STREAM_CALLERS = 1
CALL_TIMEOUT_S = 5.0
BATCHES_ON_A_STREAM = 4
PAUSE_S = 0.02
"""Pause after a failure, so that callers leave the processor to the recovering service."""
SETTLED_WITHIN_S = 60.0


@contextmanager
def calling(oracle: Oracle, stubs: Sequence[EventServiceStub], timeout_s: float = CALL_TIMEOUT_S) -> Iterator[None]:
    """Report events to these handlers in turn while the block runs, then resend events with unknown outcomes.

    `timeout_s` is the timeout of unary calls.
    """
    done = threading.Event()
    with ThreadPoolExecutor(UNARY_CALLERS + STREAM_CALLERS) as callers:
        calls = [
            callers.submit(caller, oracle, stubs[number % len(stubs)], done)
            for caller, count in ((partial(_call_until, timeout_s), UNARY_CALLERS), (_stream_until, STREAM_CALLERS))
            for number in range(count)
        ]
        try:
            yield
        finally:
            done.set()
            for call in calls:
                call.result()
    wait_until(lambda: _settled(oracle, stubs[0]), SETTLED_WITHIN_S)


def _call_until(timeout_s: float, oracle: Oracle, stub: EventServiceStub, done: threading.Event) -> None:
    while not done.is_set():
        if not _call(oracle, stub, oracle.take(), timeout_s):
            done.wait(PAUSE_S)


def _call(oracle: Oracle, stub: EventServiceStub, batch: Sequence[rpc.Event], timeout_s: float) -> bool:
    """Report a batch; return False if the call failed."""
    request = rpc.ReportEventsRequest(events=batch)
    try:
        response = stub.ReportEvents(request, timeout=timeout_s, wait_for_ready=True)
    except grpc.RpcError:
        oracle.failed(batch)
        return False
    oracle.note_results(batch, response.results)
    return True


def _settled(oracle: Oracle, stub: EventServiceStub) -> bool:
    """Resend all events with unknown outcomes; return False if a call failed."""
    while batch := oracle.take_unknown():
        if not _call(oracle, stub, batch, CALL_TIMEOUT_S):
            return False
    return True


def _stream_until(oracle: Oracle, stub: EventServiceStub, done: threading.Event) -> None:
    while not done.is_set():
        _Stream(oracle, done).run(stub)
        done.wait(PAUSE_S)


class _Stream:
    """One stream of batches, several of them under way."""

    def __init__(self, oracle: Oracle, done: threading.Event) -> None:
        self._oracle = oracle
        self._done = done
        self._room = threading.Semaphore(BATCHES_ON_A_STREAM)
        self._under_way: deque[list[rpc.Event]] = deque()
        self._ended = False
        self._lock = threading.Lock()

    def run(self, stub: EventServiceStub) -> None:
        """Until the callers are done or the stream breaks."""
        try:
            for response in stub.StreamEvents(self._batches(), wait_for_ready=True):
                self._oracle.note_results(self._under_way.popleft(), response.results)
                self._room.release()
        except grpc.RpcError:
            # The outcomes of batches without a response are unknown.
            pass
        with self._lock:
            self._ended = True
        for batch in self._under_way:
            self._oracle.failed(batch)

    def _batches(self) -> Iterator[rpc.StreamEventsRequest]:
        while not self._done.is_set():
            if not self._room.acquire(timeout=PAUSE_S):
                continue
            with self._lock:
                if self._ended:
                    return
                batch = self._oracle.take()
                self._under_way.append(batch)
            yield rpc.StreamEventsRequest(events=batch)
