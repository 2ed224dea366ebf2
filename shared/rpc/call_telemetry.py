"""Metrics of calls: count, duration and outcome."""

from __future__ import annotations

from collections.abc import Callable

import grpc
from prometheus_client import Histogram

from shared.runtime.telemetry import Telemetry


class CallTelemetry:
    """The instruments that all methods of a server share."""

    def __init__(self, telemetry: Telemetry) -> None:
        self.tracing = telemetry.tracing
        self._seconds = telemetry.histogram(
            "rpc_call_seconds",
            "Duration of calls in their thread, by method and status code.",
            labels=("method", "code"),
        )

    def of_method(self, name: str) -> MethodTelemetry:
        """Return the instruments of one method, by its full name such as `challenge.v1.EventService/ReportEvent`."""
        return MethodTelemetry(name, self._seconds)


class MethodTelemetry:
    """The instruments of one method."""

    def __init__(self, name: str, seconds: Histogram) -> None:
        self._name = name
        self._seconds = seconds
        self.succeeded: Callable[[float], None] = seconds.labels(name, grpc.StatusCode.OK.name).observe
        """Record a successful call by its duration in seconds. The labels are resolved once, as almost all calls
        succeed."""

    def failed(self, code: grpc.StatusCode, seconds: float) -> None:
        """Record a failed call by its status code and its duration in seconds."""
        self._seconds.labels(self._name, code.name).observe(seconds)
