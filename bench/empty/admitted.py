"""The services' own server around a servicer that does nothing: what admission, errors, parsing and telemetry cost."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from challenge.v1 import challenge_service_pb2
from prometheus_client import Histogram

from devstack.ports import LOOPBACK
from shared.rpc.server import Server, Servicing
from shared.runtime import otlp
from shared.runtime.health import Health
from shared.runtime.ports import Endpoint
from shared.runtime.telemetry import LATENCY_BUCKETS_S, Telemetry

CONTRACT = challenge_service_pb2.DESCRIPTOR.services_by_name["ChallengeService"]

SAMPLE_RATIO = 0.01
"""The services' default."""


class EmptyServicer:
    """Has every method of every contract, and none does anything."""

    def __getattr__(self, name: str) -> Callable[[object, object], bytes]:
        """The method of that name."""
        return _answer_nothing


def _answer_nothing(_request: object, _context: object) -> bytes:
    return b""


class DeafHistogram(Histogram):
    """Measures nothing."""

    def observe(self, amount: float, exemplar: dict[str, str] | None = None) -> None:
        """Nothing."""


class NoTelemetry(Telemetry):
    """Telemetry as the server wants it, that keeps nothing."""

    def histogram(
        self, name: str, help_text: str, *, buckets: Sequence[float] = LATENCY_BUCKETS_S, labels: Sequence[str] = ()
    ) -> Histogram:
        """A histogram that measures nothing."""
        return DeafHistogram(name, help_text, labels, buckets=buckets, registry=self.registry)


def _traced(collector: str) -> Telemetry:
    return Telemetry(otlp.tracing_to(collector, otlp.resource_of("bench", None), SAMPLE_RATIO))


TELEMETRY: dict[str, Callable[[str], Telemetry]] = {
    "none": lambda _collector: NoTelemetry(),
    "metrics": lambda _collector: Telemetry(),
    "traces": _traced,
}
"""By name: no telemetry, metrics as without a collector, metrics and sampled traces that go to a collector."""


def start_admitted(telemetry: str, collector: str, threads: int) -> tuple[Server, int]:
    """Start the server; answers it, since one that nobody holds stops, and its port.

    `telemetry` is a key of `TELEMETRY`, `collector` an OTLP address.
    """
    server = Server(
        Endpoint(LOOPBACK, 0, setting=""),
        [Servicing(CONTRACT, EmptyServicer())],
        threads=threads,
        health=Health([CONTRACT.full_name]),
        telemetry=TELEMETRY[telemetry](collector),
    )
    return server, server.start()
