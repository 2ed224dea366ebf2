"""Metrics as Prometheus text and over OpenTelemetry, and those of several workers on one page."""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from queue import SimpleQueue
from typing import Any

import grpc
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.openmetrics import exposition as openmetrics

from shared.postgres.database_telemetry import DatabaseTelemetry
from shared.rpc.call_telemetry import CallTelemetry
from shared.runtime import otlp
from shared.runtime.http_port import HttpPort
from shared.runtime.metrics_page import WorkerMetrics, merged, metrics_page
from shared.runtime.ports import Endpoint
from shared.runtime.telemetry import LABEL_VALUES_MAX, OVERFLOW, Telemetry
from tests.runtime.processes import samples


def recorded() -> Telemetry:
    """Return telemetry as an event handler would fill it."""
    telemetry = Telemetry()
    telemetry.counter("events", "Events by verdict.", labels=("verdict",)).labels("APPLIED").inc(3)
    batch = telemetry.histogram("batch_events", "Events of a batch.", buckets=(1, 10, 100))
    for size in (1, 7, 8, 200):
        batch.observe(size)
    telemetry.gauge("buffer_events", "Events that wait.", lambda: 42)
    return telemetry


def in_openmetrics(registry: CollectorRegistry) -> str:
    text: bytes = openmetrics.generate_latest(registry)  # type: ignore[no-untyped-call]
    return text.decode()


@contextmanager
def collector() -> Iterator[tuple[str, SimpleQueue[bytes], SimpleQueue[bytes]]]:
    """Run an OpenTelemetry collector that keeps what it receives, and yield its address, metrics and traces."""
    metrics: SimpleQueue[bytes] = SimpleQueue()
    traces: SimpleQueue[bytes] = SimpleQueue()

    def keep(queue: SimpleQueue[bytes]) -> Any:
        def export(request: bytes, context: object) -> bytes:  # noqa: ARG001 - gRPC's signature
            queue.put(request)
            return ExportMetricsServiceResponse().SerializeToString()

        return grpc.unary_unary_rpc_method_handler(export)

    server = grpc.server(ThreadPoolExecutor(2))
    base = "opentelemetry.proto.collector"
    server.add_generic_rpc_handlers(
        [
            grpc.method_handlers_generic_handler(f"{base}.metrics.v1.MetricsService", {"Export": keep(metrics)}),
            grpc.method_handlers_generic_handler(f"{base}.trace.v1.TraceService", {"Export": keep(traces)}),
        ]
    )
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"http://127.0.0.1:{port}", metrics, traces
    finally:
        server.stop(0).wait()


def test_metrics_are_rendered_as_prometheus_text() -> None:
    text = generate_latest(recorded().registry).decode()
    assert samples(text, "events_total") == {'{verdict="APPLIED"}': 3}
    assert samples(text, "buffer_events") == {"": 42}
    assert samples(text, "batch_events_bucket") == {
        '{le="1.0"}': 1,
        '{le="10.0"}': 3,
        '{le="100.0"}': 3,
        '{le="+Inf"}': 4,
    }
    assert "_created" not in text
    assert samples(text, "process_resident_memory_bytes")


def test_a_changed_text_label_replaces_the_old_series() -> None:
    telemetry = Telemetry()
    labels: dict[str, str] = {}
    telemetry.info("build_info", "What runs.", lambda: labels)
    assert samples(generate_latest(telemetry.registry).decode(), "build_info") == {}
    for version in ("1", "2"):
        labels["version"] = version
        text = generate_latest(telemetry.registry).decode()
        assert samples(text, "build_info") == {f'{{version="{version}"}}': 1}


def test_the_same_metrics_reach_an_opentelemetry_collector() -> None:
    with collector() as (endpoint, metrics, _):
        export = otlp.MetricsExport(endpoint, recorded().registry, otlp.resource_of("event_handler", None))
        export.close()
        request = ExportMetricsServiceRequest.FromString(metrics.get(timeout=60))
    (resource,) = request.resource_metrics
    assert {"service.name": "event_handler"}.items() <= {
        attribute.key: attribute.value.string_value for attribute in resource.resource.attributes
    }.items()
    by_name = {metric.name: metric for metric in resource.scope_metrics[0].metrics}
    events = by_name["events_total"].sum
    assert events.is_monotonic
    assert [(point.as_double, point.attributes[0].value.string_value) for point in events.data_points] == [
        (3, "APPLIED")
    ]
    batch = by_name["batch_events"].histogram.data_points[0]
    assert (batch.count, batch.sum) == (4, 216)
    assert list(batch.explicit_bounds) == [1, 10, 100]
    assert list(batch.bucket_counts) == [1, 2, 0, 1]
    assert by_name["buffer_events"].gauge.data_points[0].as_double == 42


def test_spans_reach_an_opentelemetry_collector() -> None:
    with collector() as (endpoint, _, traces):
        tracing = otlp.tracing_to(endpoint, otlp.resource_of("event_handler", 1), sample_ratio=1)
        with tracing.span("challenge.v1.EventService/ReportEvent", parent=True):
            pass
        tracing.close()
        request = ExportTraceServiceRequest.FromString(traces.get(timeout=60))
    (span,) = request.resource_spans[0].scope_spans[0].spans
    assert span.name == "challenge.v1.EventService/ReportEvent"


def test_an_unreachable_collector_does_not_delay_the_stop() -> None:
    export = otlp.MetricsExport("http://127.0.0.1:1", recorded().registry, otlp.resource_of("event_handler", None))
    export.close()


def test_a_collector_receives_the_names_and_attributes_of_the_conventions() -> None:
    telemetry = Telemetry()
    DatabaseTelemetry(telemetry).took("read_player", 0.002)
    CallTelemetry(telemetry).of_method("challenge.v1.EventService/ReportEvent").succeeded(0.002, None)
    metrics = {metric.name: metric for metric in otlp.translated(telemetry.registry.collect(), 0, 1)}
    calls = metrics["rpc.server.call.duration"]
    assert calls.unit == "s"
    assert dict(calls.data.data_points[0].attributes or {}) == {
        "rpc.system.name": "grpc",
        "rpc.method": "challenge.v1.EventService/ReportEvent",
        "rpc.response.status_code": "OK",
    }
    statements = metrics["db.client.operation.duration"].data.data_points[0]
    assert dict(statements.attributes or {}) == {"db.system.name": "postgresql", "db.query.summary": "read_player"}


def test_a_bounded_counter_counts_what_is_beyond_its_bound_together() -> None:
    telemetry = Telemetry()
    counter = telemetry.bounded_counter("claims", "Claims.", labels=("challenge", "by"))
    for number in range(LABEL_VALUES_MAX + 50):
        counter.add(f"challenge {number}", "call", number=2)
    counter.add("challenge 0", "call")
    counter.add("", "call")
    counted = samples(generate_latest(telemetry.registry).decode(), "claims_total")
    assert len(counted) == LABEL_VALUES_MAX + 1
    assert counted['{by="call",challenge="challenge 0"}'] == 3
    assert counted[f'{{by="call",challenge="{OVERFLOW}"}}'] == 2 * 50 + 1


def test_only_clients_that_accept_openmetrics_get_exemplars() -> None:
    telemetry = recorded()
    telemetry.histogram("seconds", "Time.").observe(0.3, {"trace_id": "a" * 32})
    port = HttpPort(Endpoint("127.0.0.1", 0, setting=""), {"/metrics": metrics_page(telemetry.registry, 0.0)})
    port.start()

    def read(accept: str) -> tuple[str, str]:
        connection = http.client.HTTPConnection("127.0.0.1", port.port, timeout=60)
        with closing(connection):
            connection.request("GET", "/metrics", headers={"Accept": accept})
            response = connection.getresponse()
            return response.headers["Content-Type"], response.read().decode()

    kind, plain = read("text/plain;version=0.0.4")
    assert kind.startswith("text/plain")
    assert "trace_id" not in plain
    kind, rich = read("application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5")
    assert kind.startswith("application/openmetrics-text; version=1.0.0")
    assert f'seconds_bucket{{le="0.5"}} 1.0 # {{trace_id="{"a" * 32}"}} 0.3' in rich
    assert rich.endswith("# EOF\n")
    merged_page = CollectorRegistry()
    merged_page.register(WorkerMetrics(lambda: {0: port.port}))
    assert 'trace_id="' in in_openmetrics(merged_page)


def test_metrics_of_workers_are_merged_into_one_page() -> None:
    texts = [(worker, in_openmetrics(recorded().registry)) for worker in (0, 1)]
    families = list(merged(texts))
    assert len({family.name for family in families}) == len(families)
    events = next(family for family in families if family.name == "events")
    assert [(sample.name, sample.labels, sample.value) for sample in events.samples] == [
        ("events_total", {"verdict": "APPLIED", "worker": "0"}, 3),
        ("events_total", {"verdict": "APPLIED", "worker": "1"}, 3),
    ]


def test_an_unresponsive_worker_is_shown_as_down() -> None:
    registry = CollectorRegistry()
    registry.register(WorkerMetrics(lambda: {0: None, 1: 1}))
    text = generate_latest(registry).decode()
    assert samples(text, "worker_up") == {'{worker="0"}': 0, '{worker="1"}': 0}
