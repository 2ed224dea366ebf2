"""OpenTelemetry's semantic conventions (version 1.45), as far as metrics and spans here follow them.

Prometheus has the same names in its own spelling: underscores for dots, and the unit at the end. A collector translates
one into the other in the same way (https://opentelemetry.io/docs/specs/otel/compatibility/prometheus_and_openmetrics/).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Convention(NamedTuple):
    """The name and the unit of a metric in OpenTelemetry's spelling."""

    name: str
    unit: str


METRICS: Mapping[str, Convention] = {
    "rpc_server_call_duration_seconds": Convention("rpc.server.call.duration", "s"),
    "db_client_operation_duration_seconds": Convention("db.client.operation.duration", "s"),
    "db_client_connection_count": Convention("db.client.connection.count", "{connection}"),
    "db_client_connection_max": Convention("db.client.connection.max", "{connection}"),
    "db_client_connection_pending_requests": Convention("db.client.connection.pending_requests", "{request}"),
}
"""By their names in Prometheus. Metrics without a convention have one name everywhere."""

ATTRIBUTES: Mapping[str, str] = {
    "rpc_system_name": "rpc.system.name",
    "rpc_method": "rpc.method",
    "rpc_response_status_code": "rpc.response.status_code",
    "error_type": "error.type",
    "db_system_name": "db.system.name",
    "db_query_summary": "db.query.summary",
    "db_client_connection_pool_name": "db.client.connection.pool.name",
    "db_client_connection_state": "db.client.connection.state",
    "service_name": "service.name",
    "service_version": "service.version",
}
"""By their names as labels in Prometheus."""
