"""What is measured of calls: how many, how long, how they ended."""

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
            "rpc_call_seconds", "Calls by method and status code, from thread to answer.", labels=("method", "code")
        )

    def of_method(self, name: str) -> MethodTelemetry:
        """The instruments of one method, by its full name such as `challenge.v1.EventService/ReportEvent`."""
        return MethodTelemetry(name, self._seconds)


class MethodTelemetry:
    """Counts the calls of one method."""

    def __init__(self, name: str, seconds: Histogram) -> None:
        self._name = name
        self._seconds = seconds
        self.succeeded: Callable[[float], None] = seconds.labels(name, grpc.StatusCode.OK.name).observe
        """Counts a call that ended well, by its duration in seconds; resolved beforehand, as almost all calls do."""

    def failed(self, code: grpc.StatusCode, seconds: float) -> None:
        """Counts a call that ended in an error, by its duration in seconds."""
        self._seconds.labels(self._name, code.name).observe(seconds)
