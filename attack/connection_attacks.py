"""Attacks by connections and calls that are held, never read or given up (kinds C to E), as no gRPC client does."""

from __future__ import annotations

import select
import socket
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import ClassVar, Self

import grpc
from challenge.v1 import challenge_service_pb2 as rpc
from challenge.v1 import event_service_pb2 as event_rpc
from challenge.v1.event_service_pb2_grpc import EventServiceStub

from attack.stack import Attack, Observed, Services, in_threads, login_event
from devstack.ports import LOOPBACK
from load_generator import frames
from load_generator.frames import request_headers
from load_generator.usage import family

CONNECT_S = 5.0
READ_BYTES = 65_536
HOLD_INTERVAL_S = 0.05
CALL_INTERVAL_S = 0.05
CALLS_AT_ONCE = 4
"""Calls in each interval of each connection: few enough that the calls themselves are no overload."""


class _Connections(ABC):
    """Connections that announce the largest flow-control windows, opened again whenever the server ends them."""

    pause_s: ClassVar[float]
    """Seconds before a connection is opened again."""

    def __init__(self, port: int, path: str, connections: int) -> None:
        self.ended = 0
        """Number of calls or connections that the server has ended."""
        self._port = port
        self._headers = request_headers(path, LOOPBACK)
        self._stopping = threading.Event()
        self._threads = [
            threading.Thread(target=self._misbehave, name="attack", daemon=True) for _ in range(connections)
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join()

    def _misbehave(self) -> None:
        settings = {frames.HEADER_TABLE_SIZE: 0, frames.INITIAL_WINDOW_SIZE: frames.WINDOW_MAX}
        window = frames.window_update(0, frames.WINDOW_MAX - frames.WINDOW_DEFAULT)
        while not self._stopping.is_set():
            with suppress(OSError), socket.create_connection((LOOPBACK, self._port), CONNECT_S) as connection:
                connection.sendall(frames.PREFACE + frames.settings(settings) + window)
                self._misbehave_on(connection)
            self._stopping.wait(self.pause_s)

    @abstractmethod
    def _misbehave_on(self, connection: socket.socket) -> None:
        """Misbehave until the connection ends or the attack stops."""


class HeldCalls(_Connections):
    """Calls on one connection that send headers and no body."""

    pause_s = 0.2

    def __init__(self, port: int, path: str, count: int) -> None:
        """`count` is the number of calls."""
        super().__init__(port, path, connections=1)
        self._count = count

    def _misbehave_on(self, connection: socket.socket) -> None:
        """Keep the calls open until the connection ends."""
        connection.settimeout(HOLD_INTERVAL_S)
        received, held, next_stream = bytearray(), set[int](), 1
        while not self._stopping.is_set():
            opened = b""
            while len(held) < self._count:
                opened += frames.frame(frames.HEADERS, frames.END_HEADERS, next_stream, self._headers)
                held.add(next_stream)
                next_stream += 2
            if opened:
                connection.sendall(opened)
            try:
                chunk = connection.recv(READ_BYTES)
            except TimeoutError:
                continue
            if not chunk:
                return
            received += chunk
            for frame in frames.take_frames(received):
                ends = frame.kind == frames.RST_STREAM or (
                    frame.kind == frames.HEADERS and frame.flags & frames.END_STREAM
                )
                if ends and frame.stream in held:
                    held.remove(frame.stream)
                    self.ended += 1
                elif frame.kind == frames.GOAWAY:
                    return
                elif reply := frames.acknowledgement(frame):
                    connection.sendall(reply)


class NeverReading(_Connections):
    """Connections with complete calls whose responses are never read."""

    pause_s = CALL_INTERVAL_S

    def __init__(self, port: int, path: str, body: bytes, connections: int) -> None:
        """`body` is the encoded request of each call."""
        super().__init__(port, path, connections)
        self._message = b"\0" + len(body).to_bytes(4, "big") + body

    def _misbehave_on(self, connection: socket.socket) -> None:
        try:
            self._call_on(connection)
        except ConnectionError:
            self.ended += 1

    def _call_on(self, connection: socket.socket) -> None:
        hung_up = select.poll()
        hung_up.register(connection, select.POLLRDHUP)
        stream = 1
        while not self._stopping.wait(CALL_INTERVAL_S):
            if hung_up.poll(0):
                self.ended += 1
                return
            for _ in range(CALLS_AT_ONCE):
                connection.sendall(
                    frames.frame(frames.HEADERS, frames.END_HEADERS, stream, self._headers)
                    + frames.frame(frames.DATA, frames.END_STREAM, stream, self._message)
                )
                stream += 2


LIST_CHALLENGES = "challenge.v1.ChallengeService/ListChallenges"
PAUSE_S = 0.05
HALF_SENT = 400
SCRAPERS = 2
IMPATIENT_CALLERS = 8
IMPATIENT_DEADLINE_S = 0.01


def held(path: str, count: int) -> Attack:
    """Return an attack that holds calls without a body on one connection, again and again."""

    @contextmanager
    def attack(services: Services, observed: Observed) -> Iterator[None]:
        target = services.event if "EventService" in path else services.challenge
        with HeldCalls(target.port, path, count) as calls:
            yield
        observed.notes.append(f"calls ended by the server: {calls.ended}")

    return attack


@contextmanager
def never_read(services: Services, observed: Observed) -> Iterator[None]:
    """Make four connections that never read their responses."""
    body = rpc.ListChallengesRequest(user_id="attacker").SerializeToString()
    before = services.challenge.memory_mib
    with NeverReading(services.challenge.port, LIST_CHALLENGES, body, connections=4) as connections:
        yield
        grown = services.challenge.memory_mib - before
    observed.bound("growth of the challenge service in MiB", grown, 100)
    observed.notes.append(f"connections ended by the server: {connections.ended}")


@contextmanager
def half_sent_scrapes(services: Services, observed: Observed) -> Iterator[None]:
    """Hold 400 half-sent requests to the metrics port, close them, and repeat; scrape without a pause."""
    port, pid, threads = services.challenge.metrics_port, services.challenge.pid or 0, [0]

    def hold(stopping: threading.Event) -> None:
        while not stopping.is_set():
            with ExitStack() as connections:
                for _ in range(HALF_SENT):
                    # A connection may be refused, which is a defence.
                    with suppress(OSError):
                        connection = connections.enter_context(socket.create_connection((LOOPBACK, port), 1))
                        connection.sendall(b"GET /metrics HTTP/1.1\r\nHost: attacker\r\n")
                stopping.wait(2)
                threads[0] = max(threads[0], _threads_of(pid))

    def scrape(stopping: threading.Event) -> None:
        while not stopping.is_set():
            with suppress(OSError), socket.create_connection((LOOPBACK, port), 1) as connection:
                connection.sendall(b"GET /metrics HTTP/1.1\r\nHost: attacker\r\nConnection: close\r\n\r\n")
                while connection.recv(65_536):
                    pass

    before = _threads_of(pid)
    with in_threads(hold, *[scrape] * SCRAPERS):
        yield
    observed.bound("additional threads of the challenge service", threads[0] - before, 50)


@contextmanager
def stalled_log(services: Services, observed: Observed) -> Iterator[None]:
    """Stop reading both logs, and call with deadlines of 10 ms."""

    def call(stopping: threading.Event) -> None:
        with grpc.insecure_channel(f"{LOOPBACK}:{services.event.port}") as channel:
            stub = EventServiceStub(channel)
            while not stopping.wait(PAUSE_S):
                with suppress(grpc.RpcError):
                    stub.ReportEvent(event_rpc.ReportEventRequest(event=login_event()), timeout=IMPATIENT_DEADLINE_S)

    for service in services.both:
        service.log.stall()
    try:
        with in_threads(*[call] * IMPATIENT_CALLERS):
            yield
    finally:
        for service in services.both:
            service.log.resume()
    observed.notes.append(f"{IMPATIENT_CALLERS} callers with deadlines of {1e3 * IMPATIENT_DEADLINE_S:.0f} ms")


def _threads_of(pid: int) -> int:
    return sum(process.num_threads() for process in family(pid))
