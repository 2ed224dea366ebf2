"""Attacks by connections and calls that are held, never read or given up (kinds C to E)."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

import grpc
from challenge.v1 import challenge_service_pb2 as rpc
from challenge.v1 import event_service_pb2 as event_rpc
from challenge.v1.event_service_pb2_grpc import EventServiceStub

from attack.http2 import HeldCalls, NeverReading
from attack.observed import Attack, Observed, in_threads, login_event
from attack.stack import Services
from devstack.ports import LOOPBACK
from load_generator.usage import family

LIST_CHALLENGES = "challenge.v1.ChallengeService/ListChallenges"
PAUSE_S = 0.05
HALF_SENT = 400
SCRAPERS = 2
IMPATIENT_CALLERS = 8
IMPATIENT_DEADLINE_S = 0.01


def held(path: str, count: int, service: str) -> Attack:
    """Return an attack that holds calls without a body on one connection, again and again."""

    @contextmanager
    def attack(services: Services, observed: Observed) -> Iterator[None]:
        target = services.challenge if service == "challenge_service" else services.event
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
