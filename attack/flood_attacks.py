"""Floods of connections (kind J): opened, left alone, and opened again whenever the server ends them."""

from __future__ import annotations

import resource
import selectors
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import grpc
from challenge.v1 import challenge_service_pb2 as rpc
from challenge.v1.challenge_service_pb2_grpc import ChallengeServiceStub

from attack.stack import Attack, Observed, Services, in_threads
from bench.load import percentile
from devstack.ports import LOOPBACK
from load_generator import frames

CONNECTIONS = 2_000
OPENED_AT_ONCE = 50
"""Connections that are opened before those that the server has ended are looked for."""
PAUSE_S = 0.01
NEWCOMER_INTERVAL_S = 0.1
NEWCOMER_DEADLINE_S = 5.0
MEMORY_MIB_MAX = 150
"""The growth that 2,000 connections may cause: gRPC takes 20 to 30 KiB for each."""
GREETING = frames.PREFACE + frames.settings({})


class Flood:
    """Connections to a port that say one thing, or nothing, and are then left alone."""

    def __init__(self, port: int, greeting: bytes) -> None:
        self.opened = self.ended = 0
        """Connections that were opened, and that the server has ended."""
        self.most = 0
        """The most that were open at once."""
        self._port, self._greeting = port, greeting

    def hold(self, stopping: threading.Event) -> None:
        """Keep the connections open until the attack stops."""
        with selectors.DefaultSelector() as selector:
            try:
                while not stopping.wait(PAUSE_S):
                    self._open_some(selector)
                    for key, _ in selector.select(0):
                        self._receive(selector, key.fileobj)
            finally:
                for key in list(selector.get_map().values()):
                    assert isinstance(key.fileobj, socket.socket)  # noqa: S101 - narrows the type
                    key.fileobj.close()

    def _open_some(self, selector: selectors.BaseSelector) -> None:
        for _ in range(min(OPENED_AT_ONCE, CONNECTIONS - len(selector.get_map()))):
            # A connection may be refused, which is a defence.
            with suppress(OSError):
                connection = socket.create_connection((LOOPBACK, self._port), 1)
                connection.sendall(self._greeting)
                connection.setblocking(False)
                selector.register(connection, selectors.EVENT_READ)
                self.opened += 1
        self.most = max(self.most, len(selector.get_map()))

    def _receive(self, selector: selectors.BaseSelector, connection: object) -> None:
        """Drop what arrives, and a connection that the server has ended."""
        assert isinstance(connection, socket.socket)  # noqa: S101 - narrows the type
        try:
            over = not connection.recv(65_536)
        except BlockingIOError:
            return
        except OSError:
            over = True
        if over:
            selector.unregister(connection)
            connection.close()
            self.ended += 1


class Newcomers:
    """Callers who open a connection of their own for a single call."""

    def __init__(self, port: int) -> None:
        self.latencies_ms: list[float] = []
        self.failures: list[str] = []
        self._port = port

    def call(self, stopping: threading.Event) -> None:
        """Call until the attack stops."""
        request = rpc.ListChallengesRequest(user_id="newcomer", active_only=True)
        options = [("grpc.use_local_subchannel_pool", 1), ("grpc.enable_http_proxy", 0)]
        while not stopping.wait(NEWCOMER_INTERVAL_S):
            started = time.monotonic()
            with grpc.insecure_channel(f"{LOOPBACK}:{self._port}", options=options) as channel:
                try:
                    ChallengeServiceStub(channel).ListChallenges(request, timeout=NEWCOMER_DEADLINE_S)
                except grpc.RpcError as error:
                    self.failures.append(f"{error.code().name}: {error.details()}")
            self.latencies_ms.append(1e3 * (time.monotonic() - started))


def flood(greeting: bytes, descriptors: int | None = None) -> Attack:
    """Return a flood of the challenge service with connections that begin with a greeting.

    `descriptors` bounds those of the service, where the attack would need all.
    """

    @contextmanager
    def attack(services: Services, observed: Observed) -> Iterator[None]:
        service = services.challenge
        if descriptors is not None:
            resource.prlimit(service.pid or 0, resource.RLIMIT_NOFILE, (descriptors, descriptors))
        connections, newcomers = Flood(service.port, greeting), Newcomers(service.port)
        memory, cpu_s, started = service.memory_mib, service.cpu_s, time.monotonic()
        with in_threads(connections.hold, newcomers.call):
            yield
            grown, used_s = service.memory_mib - memory, service.cpu_s - cpu_s
        observed.bound("growth of the challenge service in MiB", grown, MEMORY_MIB_MAX)
        observed.bound("failed calls of newcomers", len(newcomers.failures), 0)
        observed.notes += [
            f"connections: {connections.opened:,} opened, {connections.most:,} at once, {connections.ended:,} ended",
            f"newcomers: {len(newcomers.latencies_ms)} calls, p50 {percentile(newcomers.latencies_ms, 0.5):.1f} ms, "
            f"longest {max(newcomers.latencies_ms):.1f} ms",
            f"CPU of the challenge service: {used_s / (time.monotonic() - started):.2f} cores",
            *sorted(set(newcomers.failures))[:3],
        ]

    return attack
