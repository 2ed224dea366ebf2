"""The choice of the calls that are traced."""

from __future__ import annotations

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanContext, StatusCode

from shared.runtime.tracing import Tracing

TRACE_ID = "0af7651916cd43dd8448eb211c80319c"
SPAN_ID = "b7ad6b7169203331"


def tracing(*, sample_ratio: float, chance: float = 0.5) -> tuple[Tracing, InMemorySpanExporter]:
    spans = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(spans))
    return Tracing(provider, sample_ratio=sample_ratio, chance=lambda: chance), spans


@pytest.mark.parametrize(("chance", "traced"), [(0.0, True), (0.0099, True), (0.01, False), (0.9, False)])
def test_calls_are_sampled_by_the_configured_ratio(chance: float, traced: bool) -> None:
    sampler, _ = tracing(sample_ratio=0.01, chance=chance)
    assert sampler.parent_of([("user-agent", "ghz")]) is traced


def test_a_span_joins_the_trace_of_its_caller() -> None:
    sampler, spans = tracing(sample_ratio=0)
    parent = sampler.parent_of([("traceparent", f"00-{TRACE_ID}-{SPAN_ID}-01")])
    assert isinstance(parent, SpanContext)
    with sampler.span("challenge.v1.EventService/ReportEvent", parent) as span:
        span.ended("INTERNAL", server_fault=True)
    (finished,) = spans.get_finished_spans()
    assert finished.context is not None
    assert finished.parent is not None
    assert f"{finished.context.trace_id:032x}" == TRACE_ID
    assert f"{finished.parent.span_id:016x}" == SPAN_ID
    assert finished.status.status_code is StatusCode.ERROR
    assert dict(finished.attributes or {}) == {
        "rpc.system.name": "grpc",
        "rpc.method": "challenge.v1.EventService/ReportEvent",
        "rpc.response.status_code": "INTERNAL",
        "error.type": "INTERNAL",
    }


def test_a_call_is_not_traced_if_its_caller_decided_against_it() -> None:
    sampler, _ = tracing(sample_ratio=1)
    assert sampler.parent_of([("traceparent", f"00-{TRACE_ID}-{SPAN_ID}-00")]) is False


@pytest.mark.parametrize(
    "value",
    ["", "junk", f"00-{'0' * 32}-{SPAN_ID}-01", f"00-{TRACE_ID}-{'0' * 16}-01", f"00-{TRACE_ID}-{SPAN_ID}-01-more"],
)
def test_a_malformed_traceparent_is_ignored(value: str) -> None:
    sampler, _ = tracing(sample_ratio=1)
    assert sampler.parent_of([("traceparent", value)]) is True
