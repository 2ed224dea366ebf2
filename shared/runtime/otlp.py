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
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Gauge,
    Histogram,
    HistogramDataPoint,
    Metric,
    MetricsData,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from prometheus_client import CollectorRegistry
from prometheus_client import Metric as Family

from shared.runtime.conventions import ATTRIBUTES, METRICS, Convention
from shared.runtime.tracing import Tracing

EXPORT_INTERVAL_S = 15.0
"""Interval in seconds at which metrics are sent: the usual scrape interval of a Prometheus server."""

_TIMEOUT_S = 1.0
_SPANS_MAX = 512

CLOSE_TIMEOUT_S = 3.0
"""Time limit in seconds for closing when the collector does not respond: a running export, the last one, and a margin.
All waiting spans fit into one export for this reason."""

_SCOPE = InstrumentationScope("challenge")


def resource_of(service: str, worker: int | None) -> Resource:
    """Return the sender: the service, and an instance id of host, process and worker."""
    instance = f"{socket.gethostname()}-{os.getpid()}" if worker is None else f"{socket.gethostname()}-worker-{worker}"
    return Resource.create({"service.name": service, "service.instance.id": instance})


def tracing_to(endpoint: str, resource: Resource, sample_ratio: float) -> Tracing:
    """Return tracing that sends spans to the collector in batches from a bounded queue; more spans are dropped."""
    # Sampling is decided before the span exists, so every span that arrives here is kept.
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
        """Send all metrics once. The exporter logs a collector that is unreachable, which takes at most a second."""
        metrics = translated(self._registry.collect(), self._started_ns, time.time_ns())
        scopes: Iterable[ScopeMetrics] = [ScopeMetrics(_SCOPE, metrics, "")]
        self._exporter.export(MetricsData([ResourceMetrics(self._resource, list(scopes), "")]))

    def close(self) -> None:
        """Send all metrics for the last time."""
        self.one_pass()
        self._exporter.shutdown()


Labels = tuple[tuple[str, str], ...]


def translated(families: Iterable[Family], started_ns: int, now_ns: int) -> list[Metric]:
    """Return every counter, gauge and histogram, in OpenTelemetry's spelling where a convention has it.

    Both instants are in nanoseconds since 1970; at `started_ns` all sums were 0.
    """
    metrics = []
    for family in families:
        if family.type == "counter":
            points = _numbers(family, f"{family.name}_total", started_ns, now_ns)
            data: Sum | Gauge | Histogram = Sum(points, AggregationTemporality.CUMULATIVE, is_monotonic=True)
            metrics.append(Metric(f"{family.name}_total", family.documentation, family.unit, data))
        elif family.type in ("gauge", "histogram"):
            if family.type == "gauge":
                data = Gauge(_numbers(family, family.name, started_ns, now_ns))
            else:
                data = Histogram(_histograms(family, started_ns, now_ns), AggregationTemporality.CUMULATIVE)
            name, unit = METRICS.get(family.name, Convention(family.name, family.unit))
            metrics.append(Metric(name, family.documentation, unit, data))
    return metrics


def _attributes(labels: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return labels as attributes. An empty label is none."""
    return {ATTRIBUTES.get(name, name): value for name, value in labels if value}


def _numbers(family: Family, name: str, started_ns: int, now_ns: int) -> list[NumberDataPoint]:
    return [
        NumberDataPoint(_attributes(sample.labels.items()), started_ns, now_ns, sample.value)
        for sample in family.samples
        if sample.name == name
    ]


def _histograms(family: Family, started_ns: int, now_ns: int) -> list[HistogramDataPoint]:
    cumulative: dict[Labels, dict[float, int]] = {}
    sums: dict[Labels, float] = {}
    for sample in family.samples:
        labels = tuple((name, value) for name, value in sample.labels.items() if name != "le")
        if sample.name == f"{family.name}_bucket":
            cumulative.setdefault(labels, {})[float(sample.labels["le"])] = int(sample.value)
        elif sample.name == f"{family.name}_sum":
            sums[labels] = sample.value
    return [
        HistogramDataPoint(
            attributes=_attributes(labels),
            start_time_unix_nano=started_ns,
            time_unix_nano=now_ns,
            count=max(buckets.values()),
            sum=sums[labels],
            bucket_counts=_differences(list(buckets.values())),
            explicit_bounds=list(buckets)[:-1],  # the last bound is infinity, which OpenTelemetry leaves out
            min=None,  # type: ignore[arg-type]  # optional on the wire, and Prometheus does not keep it
            max=None,  # type: ignore[arg-type]
        )
        for labels, buckets in cumulative.items()
    ]


def _differences(cumulative: list[int]) -> list[int]:
    return [upper - lower for lower, upper in zip([0, *cumulative], cumulative, strict=False)]
