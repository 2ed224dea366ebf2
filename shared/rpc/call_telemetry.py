"""Metrics of calls: count, duration and outcome."""

from __future__ import annotations

from collections.abc import Callable

import grpc
from prometheus_client import Histogram

from shared.runtime.telemetry import Telemetry

FAULTS = frozenset(
    {
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.INTERNAL,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        grpc.StatusCode.UNAVAILABLE,
    }
)
"""Status codes of calls that failed through no fault of their caller. A limit of the caller's own is none of them."""


class CallTelemetry:
    """The instruments that all methods of a server share."""

    def __init__(self, telemetry: Telemetry) -> None:
        self.tracing = telemetry.tracing
        self._seconds = telemetry.histogram(
            "rpc_server_call_duration_seconds",
            "Duration of calls in their thread, by method, status code and fault.",
            labels=("rpc_system_name", "rpc_method", "rpc_response_status_code", "error_type"),
        )

    def of_method(self, name: str) -> MethodTelemetry:
        """Return the instruments of one method, by its full name such as `challenge.v1.EventService/ReportEvent`."""
        return MethodTelemetry(name, self._seconds)


class MethodTelemetry:
    """The instruments of one method."""

    def __init__(self, name: str, seconds: Histogram) -> None:
        self._name = name
        self._seconds = seconds
        self.succeeded: Callable[[float, dict[str, str] | None], None] = seconds.labels(
            "grpc", name, grpc.StatusCode.OK.name, ""
        ).observe
        """Record a successful call by its duration in seconds, and the ids of its span. The labels are resolved once,
        as almost all calls succeed."""

    def failed(
        self,
        code: grpc.StatusCode,
        seconds: float,
        exemplar: dict[str, str] | None = None,
        *,
        by_caller: bool = False,
    ) -> None:
        """Record a failed call by its status code, its duration in seconds, and the ids of its span.

        `by_caller`: the caller is at fault, whatever the code.
        """
        fault = code.name if code in FAULTS and not by_caller else ""
        self._seconds.labels("grpc", self._name, code.name, fault).observe(seconds, exemplar)
