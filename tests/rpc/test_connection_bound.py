"""Connections are bounded, and a flood of them keeps no caller out."""

from __future__ import annotations

import os
import resource
import select
import socket
import struct
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager

import grpc
from challenge.v1.challenge_service_pb2 import ListChallengesRequest
from challenge.v1.challenge_service_pb2_grpc import ChallengeServiceStub

from devstack.ports import LOOPBACK
from load_generator import frames
from shared.rpc.accepted_connections import SpareDescriptor
from shared.runtime.descriptors import allow_many_descriptors, descriptors_max
from tests.runtime.processes import metrics_at, samples
from tests.support.service_process import ServiceProcess, serving
from tests.support.waiting import wait_until

CONNECTIONS_MAX = 100
OLDER, NEWER = 70, 80
FEW_DESCRIPTORS = 256
SILENT_MS = 100
"""Longer than the system's clock of connections resolves."""
LAST_SENT_AT = 44
"""Place of the time since the last data was sent, in Linux' structure for TCP_INFO."""
GREETING = frames.PREFACE + frames.settings({})
REQUEST = ListChallengesRequest(user_id="zoe", active_only=True)


@contextmanager
def flood(port: int, count: int) -> Iterator[list[socket.socket]]:
    """Open connections that greet and are left alone."""
    with ExitStack() as stack:
        connections = []
        for _ in range(count):
            connection = stack.enter_context(socket.create_connection((LOOPBACK, port), 5))
            connection.sendall(GREETING)
            connections.append(connection)
        yield connections


def silent_ms(connection: socket.socket) -> int:
    """Return for how many milliseconds this end has sent nothing."""
    information = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, LAST_SENT_AT + 4)
    return int(struct.unpack_from("I", information, LAST_SENT_AT)[0])


def ended(connections: list[socket.socket]) -> int:
    """Return how many of the connections the server has ended."""
    poll = select.poll()
    for connection in connections:
        poll.register(connection, 0)
    return len(poll.poll(0))


def ended_by_count(metrics_port: int) -> float:
    """Return how many connections the server says it has ended."""
    return samples(metrics_at(metrics_port), "rpc_connections_ended_total").get("", 0)


def list_once(service: ServiceProcess) -> float:
    """List with a connection of its own, and return how many seconds it took."""
    started = time.monotonic()
    options = [("grpc.use_local_subchannel_pool", 1)]
    with grpc.insecure_channel(f"{LOOPBACK}:{service.port}", options=options) as channel:
        ChallengeServiceStub(channel).ListChallenges(REQUEST, timeout=60)
    return time.monotonic() - started


def test_the_longest_silent_connections_beyond_the_maximum_are_ended(database_url: str) -> None:
    with serving("challenge_service", database_url, CHALLENGE_CONNECTIONS_MAX=str(CONNECTIONS_MAX)) as service:
        service.challenges.ListChallenges(REQUEST, timeout=60)
        metrics_port = service.wait_for("started")["metrics_port"]
        with flood(service.port, OLDER) as older:
            wait_until(lambda: all(silent_ms(each) >= SILENT_MS for each in older))
            # An ordinary caller, whose connection is older than all others. If it were silent for longer, too, it could
            # be ended while a call begins.
            service.challenges.ListChallenges(REQUEST, timeout=60)
            with flood(service.port, NEWER) as newer:

                def are_ended() -> bool:
                    service.challenges.ListChallenges(REQUEST, timeout=60)
                    return ended(older) > OLDER + NEWER - CONNECTIONS_MAX

                wait_until(are_ended)
                # They are counted once a whole search is over.
                wait_until(lambda: ended_by_count(metrics_port) > OLDER + NEWER - CONNECTIONS_MAX)
                assert ended(newer) == 0, "the newer ones stay"
                list_once(service)
        assert service.stop() == 0


def test_a_flood_without_descriptors_left_keeps_no_caller_out(database_url: str) -> None:
    with serving("challenge_service", database_url) as service:
        resource.prlimit(service.pid, resource.RLIMIT_NOFILE, (FEW_DESCRIPTORS, FEW_DESCRIPTORS))
        with flood(service.port, 2 * FEW_DESCRIPTORS):
            took_s = [list_once(service) for _ in range(3)]
            wait_until(lambda: len(os.listdir(f"/proc/{service.pid}/fd")) <= 3 * FEW_DESCRIPTORS // 4)
            assert service.health() == "SERVING"
        assert max(took_s) < 20
        assert service.stop() == 0


def test_a_spare_descriptor_copies_without_opening_one() -> None:
    with closing(SpareDescriptor()) as spare, socket.socket() as original:
        before = os.listdir("/dev/fd")
        with spare.copy_of(original.fileno()) as copy:
            assert os.path.sameopenfile(copy, original.fileno())
            assert not os.get_inheritable(copy)
        assert len(os.listdir("/dev/fd")) == len(before)


def test_the_limit_of_descriptors_is_raised_as_far_as_the_system_allows() -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (1_024, before[1]))
        allow_many_descriptors()
        assert descriptors_max() > 1_024
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
