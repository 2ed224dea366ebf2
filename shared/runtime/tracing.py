"""The choice of calls that are traced, and their spans.

The choice comes before anything is created: an OpenTelemetry span that its own sampler drops costs 11 µs, a call that
is not chosen here less than one.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import (
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    StatusCode,
    TraceFlags,
    format_span_id,
    format_trace_id,
    get_current_span,
    set_span_in_context,
)

_TRACEPARENT = re.compile(r"00-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})")

Metadata = Sequence[tuple[str, str | bytes]]
"""The metadata of a call: pairs of lower-case name and value."""


class CallSpan:
    """The span of one call."""

    def __init__(self, span: Span) -> None:
        self._span = span

    @property
    def ids(self) -> dict[str, str]:
        """The ids of trace and span, as exemplars and log lines have them."""
        return _ids(self._span.get_span_context())

    def ended(self, code: str, *, server_fault: bool) -> None:
        """Record the gRPC status code of the call, such as `NOT_FOUND`, and whether it is a fault of ours."""
        self._span.set_attribute("rpc.response.status_code", code)
        if server_fault:
            self._span.set_attribute("error.type", code)
            self._span.set_status(StatusCode.ERROR)


def current_ids() -> dict[str, str]:
    """Return the ids of trace and span of the call that this thread works for; none if it is not traced."""
    context = get_current_span().get_span_context()
    return _ids(context) if context.is_valid else {}


def _ids(context: SpanContext) -> dict[str, str]:
    return {"trace_id": format_trace_id(context.trace_id), "span_id": format_span_id(context.span_id)}


class Tracing:
    """Traces calls as their `traceparent` header says (W3C Trace Context), and a share of those without one."""

    def __init__(
        self, provider: TracerProvider, *, sample_ratio: float, chance: Callable[[], float] = random.random
    ) -> None:
        self._tracer = provider.get_tracer("challenge.rpc")
        self._provider = provider
        self._sample_ratio = sample_ratio
        self._chance = chance

    def parent_of(self, metadata: Metadata) -> SpanContext | bool:
        """Return the caller's span if it is traced, True for a call that begins a trace, False for all others."""
        for name, value in metadata:
            if name == "traceparent" and (found := _TRACEPARENT.fullmatch(str(value))):
                trace_id, span_id, flags = (int(part, 16) for part in found.groups())
                if not flags & TraceFlags.SAMPLED:
                    return False
                return SpanContext(trace_id, span_id, is_remote=True, trace_flags=TraceFlags(flags))
        return self._chance() < self._sample_ratio

    @contextmanager
    def span(self, name: str, parent: SpanContext | bool) -> Iterator[CallSpan]:
        """Open the span of a call that `parent_of` chose. Spans inside it in this thread become its children.

        `name` is the method's full name, such as `challenge.v1.EventService/ReportEvent`.
        """
        context = set_span_in_context(NonRecordingSpan(parent)) if isinstance(parent, SpanContext) else None
        attributes = {"rpc.system.name": "grpc", "rpc.method": name}
        with self._tracer.start_as_current_span(name, context, SpanKind.SERVER, attributes) as span:
            yield CallSpan(span)

    def close(self) -> None:
        """Send the waiting spans."""
        self._provider.shutdown()
