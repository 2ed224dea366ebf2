"""The ports for metrics, `/livez` and `/readyz` stay available, cheap and bounded, whatever clients do."""

from __future__ import annotations

import http.client
import os
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from shared.runtime.http_port import CONNECTIONS_MAX, REQUEST_BYTES_MAX, REQUEST_S
from shared.runtime.metrics_page import RENDER_INTERVAL_S
from tests.runtime.processes import ServiceProcess, is_serving, metrics_at, started
from tests.support.busy_machine import BUSY_FACTOR, BUSY_MACHINE_S
from tests.support.waiting import wait_until

HALF_SENT = 400
PATIENCE_S = 60.0
THREADS_MORE_MAX = 4


def status_at(port: int, path: str, method: str = "GET") -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
    try:
        connection.request(method, path)
        response = connection.getresponse()
        return response.status, response.read().decode()
    finally:
        connection.close()


def threads_of(service: ServiceProcess) -> int:
    return len(os.listdir(f"/proc/{service.process.pid}/task"))


def descriptors_of(service: ServiceProcess) -> int:
    return len(os.listdir(f"/proc/{service.process.pid}/fd"))


def cpu_s_of(service: ServiceProcess) -> float:
    fields = Path(f"/proc/{service.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def half_sent(port: int, count: int) -> Iterator[list[socket.socket]]:
    """Open connections that each send half a request."""
    with ExitStack() as connections:
        opened = []
        for _ in range(count):
            connection = connections.enter_context(socket.create_connection(("127.0.0.1", port), PATIENCE_S))
            connection.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n")
            opened.append(connection)
        yield opened


@pytest.mark.parametrize("port", ["metrics_port", "health_port"])
def test_half_sent_requests_neither_create_threads_nor_block_others(port: str) -> None:
    path = "/metrics" if port == "metrics_port" else "/readyz"
    with started(TINY_HEALTH_PORT="0") as service:
        about = service.wait_for("started")
        assert wait_until(lambda: is_serving(service.wait_for("serving")["port"]))
        wait_until(lambda: status_at(about[port], path)[0] == 200)
        threads, descriptors = threads_of(service), descriptors_of(service)
        with half_sent(about[port], HALF_SENT):
            assert status_at(about[port], path)[0] == 200
            assert is_serving(service.wait_for("serving")["port"])
            assert threads_of(service) <= threads + THREADS_MORE_MAX
            assert descriptors_of(service) <= descriptors + CONNECTIONS_MAX + 10
        assert status_at(about[port], path)[0] == 200
        wait_until(lambda: descriptors_of(service) <= descriptors + 10)
        service.process.terminate()
        assert service.wait() == 0
    assert not service.other_lines


def test_a_client_that_sends_nothing_is_disconnected() -> None:
    with started() as service:
        port = service.wait_for("started")["metrics_port"]
        with socket.create_connection(("127.0.0.1", port), REQUEST_S + PATIENCE_S) as silent:
            assert silent.recv(1) == b""


def test_an_oversized_request_is_not_buffered() -> None:
    with started() as service:
        port = service.wait_for("started")["metrics_port"]
        with socket.create_connection(("127.0.0.1", port), PATIENCE_S) as chatty:
            chatty.sendall(b"GET / HTTP/1.1\r\nX: " + b"x" * 4 * REQUEST_BYTES_MAX)
            with pytest.raises((ConnectionResetError, AssertionError)):
                # Closed with or without a reset, but without a response.
                assert chatty.recv(1) != b""


def test_metrics_are_rendered_at_most_once_a_second_for_all_scrapers() -> None:
    with started() as service, ThreadPoolExecutor(8) as scrapers:
        port = service.wait_for("started")["metrics_port"]
        metrics_at(port)
        ends = time.monotonic() + 3 * RENDER_INTERVAL_S
        cpu_s = cpu_s_of(service)

        def scrape() -> int:
            count = 0
            while time.monotonic() < ends:
                assert "process_cpu_seconds_total" in metrics_at(port)
                count += 1
            return count

        counts = [scraper.result() for scraper in [scrapers.submit(scrape) for _ in range(8)]]
        assert max(counts) <= 4
        assert min(counts) >= 1
        assert cpu_s_of(service) - cpu_s < 0.5 * BUSY_FACTOR


def test_unknown_paths_and_methods_are_refused() -> None:
    with started(TINY_HEALTH_PORT="0") as service:
        about = service.wait_for("started")
        assert status_at(about["metrics_port"], "/secrets")[0] == 404
        assert status_at(about["metrics_port"], "/metrics", "POST")[0] == 405
        assert status_at(about["health_port"], "/metrics")[0] == 404
        assert status_at(about["health_port"], "/livez", "HEAD") == (200, "")


def test_metrics_have_a_bind_address_of_their_own() -> None:
    with started(METRICS_BIND_ADDRESS="127.0.0.2") as service:
        port = service.wait_for("started")["metrics_port"]
        with socket.create_connection(("127.0.0.2", port), PATIENCE_S):
            pass
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), PATIENCE_S)


def test_there_is_no_health_port_without_the_setting() -> None:
    with started() as service:
        assert "health_port" not in service.wait_for("started")


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_process_is_ready_once_it_serves_and_alive_all_the_time(workers: str) -> None:
    started_line = "started" if workers == "1" else "started workers"
    with started("--workers", workers, TINY_HEALTH_PORT="0") as service:
        port = service.wait_for(started_line)["health_port"]
        assert status_at(port, "/livez") == (200, "ok\n")
        wait_until(lambda: status_at(port, "/readyz") == (200, "ok\n"), 10 + BUSY_MACHINE_S)


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_process_with_a_failing_probe_is_alive_and_not_ready(workers: str) -> None:
    started_line = "started" if workers == "1" else "started workers"
    with started("--workers", workers, TINY_HEALTH_PORT="0", TINY_MISHAP="failing probe") as service:
        port = service.wait_for(started_line)["health_port"]
        wait_until(lambda: status_at(port, "/readyz") == (503, "not ready: database\n"), 10 + BUSY_MACHINE_S)
        assert status_at(port, "/livez") == (200, "ok\n")


def test_the_parent_replies_while_its_workers_start() -> None:
    with started("--workers", "2", TINY_HEALTH_PORT="0", TINY_MISHAP="slow start") as service:
        port = service.wait_for("started workers")["health_port"]
        assert status_at(port, "/livez") == (200, "ok\n")
        assert status_at(port, "/readyz") == (503, "not ready: starting\n")
