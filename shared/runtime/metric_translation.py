"""Prometheus metrics in OpenTelemetry's data model: cumulative sums, gauges, and histograms with explicit bounds."""

from __future__ import annotations

from collections.abc import Iterable

from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Gauge,
    Histogram,
    HistogramDataPoint,
    Metric,
    NumberDataPoint,
    Sum,
)
from prometheus_client import Metric as Family

Labels = tuple[tuple[str, str], ...]


def translated(families: Iterable[Family], started_ns: int, now_ns: int) -> list[Metric]:
    """Return every counter, gauge and histogram.

    Both instants are in nanoseconds since 1970; at `started_ns` all sums were 0.
    """
    metrics = []
    for family in families:
        if family.type == "counter":
            points = _numbers(family, f"{family.name}_total", started_ns, now_ns)
            data: Sum | Gauge | Histogram = Sum(points, AggregationTemporality.CUMULATIVE, is_monotonic=True)
            metrics.append(Metric(f"{family.name}_total", family.documentation, family.unit, data))
        elif family.type == "gauge":
            data = Gauge(_numbers(family, family.name, started_ns, now_ns))
            metrics.append(Metric(family.name, family.documentation, family.unit, data))
        elif family.type == "histogram":
            data = Histogram(_histograms(family, started_ns, now_ns), AggregationTemporality.CUMULATIVE)
            metrics.append(Metric(family.name, family.documentation, family.unit, data))
    return metrics


def _numbers(family: Family, name: str, started_ns: int, now_ns: int) -> list[NumberDataPoint]:
    return [
        NumberDataPoint(sample.labels, started_ns, now_ns, sample.value)
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
            attributes=dict(labels),
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
