"""Metrics in Prometheus's text format, over HTTP."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, start_http_server

from shared.runtime.ports import Endpoint


def serve_metrics(registry: CollectorRegistry, endpoint: Endpoint) -> int:
    """Answers GET /metrics until the process ends; returns the port. Raises `PortUnavailable`.

    Nothing needs to be stopped: the last scrapes may well come while the rest of the process stops.
    """
    try:
        server, _ = start_http_server(endpoint.port, endpoint.host, registry)
    except OSError as error:
        raise endpoint.unavailable(error) from None
    return server.server_port
