"""Reading a service's metrics."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from prometheus_client import CollectorRegistry, Counter, start_http_server

from bench.services import counted


@pytest.fixture
def port() -> Iterator[int]:
    """Yield the port of an endpoint with some counters."""
    registry = CollectorRegistry()
    reads = Counter("reads", "Reads.", labelnames=("cache", "outcome"), registry=registry)
    reads.labels("boards", "hit").inc(5)
    reads.labels("others", "hit").inc(2)
    reads.labels("boards", "miss").inc(1)
    Counter("reads_of_others", "A name that begins alike.", registry=registry).inc(100)
    server, thread = start_http_server(0, "127.0.0.1", registry)
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_samples_with_the_labels_are_added_up(port: int) -> None:
    assert counted(port, "reads_total") == 8
    assert counted(port, "reads_total", outcome="hit") == 7
    assert counted(port, "reads_total", cache="boards", outcome="miss") == 1


def test_a_metric_that_was_never_counted_is_zero(port: int) -> None:
    assert counted(port, "reads_total", outcome="lost") == 0
    assert counted(port, "writes_total") == 0
