"""Metrics and traces sent to an OpenTelemetry collector (OTLP over gRPC).

Imported only when a collector is set: the exporter costs 0.3 s of CPU and 20 MB to load.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterable

from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.metrics.export import MetricsData, ResourceMetrics, ScopeMetrics
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from prometheus_client import CollectorRegistry

from shared.runtime.metric_translation import translated
from shared.runtime.tracing import Tracing

EXPORT_INTERVAL_S = 15.0
"""How often metrics are sent; what a Prometheus server usually scrapes at."""

_TIMEOUT_S = 1.0
_SPANS_MAX = 512

CLOSE_TIMEOUT_S = 3.0
"""What the end may take when the collector does not answer: an export that is under way, the last one, and some air.
For that, all spans that wait fit into one export."""

_SCOPE = InstrumentationScope("challenge")


def resource_of(service: str, worker: int | None) -> Resource:
    """Who is sending: the service, and an instance id of host, process and worker."""
    instance = f"{socket.gethostname()}-{os.getpid()}" if worker is None else f"{socket.gethostname()}-worker-{worker}"
    return Resource.create({"service.name": service, "service.instance.id": instance})


def tracing_to(endpoint: str, resource: Resource, sample_ratio: float) -> Tracing:
    """Tracing whose spans are sent to the collector in batches from a bounded queue; what does not fit is dropped."""
    # Whoever is traced is decided before the span exists, so whatever arrives here is to be kept.
    provider = TracerProvider(sampler=ALWAYS_ON, resource=resource, shutdown_on_exit=False)
    exporter = OTLPSpanExporter(endpoint, timeout=_TIMEOUT_S)
    batches = BatchSpanProcessor(exporter, max_queue_size=_SPANS_MAX, max_export_batch_size=_SPANS_MAX)
    provider.add_span_processor(batches)
    return Tracing(provider, sample_ratio=sample_ratio)


class MetricsExport:
    """Sends a registry's metrics to the collector."""

    def __init__(self, endpoint: str, registry: CollectorRegistry, resource: Resource) -> None:
        self._exporter = OTLPMetricExporter(endpoint, timeout=_TIMEOUT_S)
        self._registry = registry
        self._resource = resource
        self._started_ns = time.time_ns()

    def one_pass(self) -> None:
        """Sends all metrics once. A collector that is away is logged by the exporter, and costs at most a second."""
        metrics = translated(self._registry.collect(), self._started_ns, time.time_ns())
        scopes: Iterable[ScopeMetrics] = [ScopeMetrics(_SCOPE, metrics, "")]
        self._exporter.export(MetricsData([ResourceMetrics(self._resource, list(scopes), "")]))

    def close(self) -> None:
        """Sends all metrics for the last time."""
        self.one_pass()
        self._exporter.shutdown()
