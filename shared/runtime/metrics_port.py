"""Metrics in Prometheus's text format, over HTTP."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, start_http_server

from shared.runtime.ports import Endpoint


def serve_metrics(registry: CollectorRegistry, endpoint: Endpoint) -> tuple[int, Callable[[], None]]:
    """Answers GET /metrics; returns the port, and how to stop. Raises `PortUnavailable`."""
    try:
        server, _ = start_http_server(endpoint.port, endpoint.host, registry)
    except OSError as error:
        raise endpoint.unavailable(error) from None

    def stop() -> None:
        server.shutdown()
        server.server_close()

    return server.server_port, stop
