"""Metrics and traces of a process: one object, built in the composition root and handed down.

The instruments are those of `prometheus_client`, because they are cheap: with labels resolved beforehand a histogram
takes 1.3 µs and a counter 0.6 µs, where OpenTelemetry's take 10.6 and 12.8 µs (Python 3.11, one core). Two of the
latter would be a tenth of an empty gRPC call, of about 200 µs. `shared.runtime.otlp` translates them into
OpenTelemetry's data model when a collector is set. `shared.runtime.conventions` has the names that follow a convention.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

if TYPE_CHECKING:
    # The tracing library is loaded only where calls are traced.
    from shared.runtime.tracing import Tracing

LATENCY_BUCKETS_S = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
"""Upper bounds for durations in seconds: from half a millisecond, a read by primary key, to the default deadline."""

SIZE_BUCKETS = (1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1_000.0, 2_000.0, 5_000.0)
"""Upper bounds for counts, such as the events of a batch."""


LABEL_VALUES_MAX = 100
"""Values of a label that a catalogue decides, such as ids of challenges. Each one is a time series in each worker."""

OVERFLOW = "_OTHER"
"""The value of that label for everything beyond, as OpenTelemetry's conventions call it."""


class Registry(CollectorRegistry):
    """The metrics of one process, without the `_created` series that would double their number."""

    def collect(self) -> Iterator[Metric]:
        for metric in super().collect():
            metric.samples = [sample for sample in metric.samples if not sample.name.endswith("_created")]
            yield metric


class Telemetry:
    """Creates instruments and decides which calls are traced.

    On a hot path, resolve labels once (`instrument.labels("OK")`) and keep the result. No label
    carries an id of a player, an event or a goal: each value is a time series of its own. Ids of challenges are bounded
    (`bounded_counter`).
    """

    def __init__(self, tracing: Tracing | None = None) -> None:
        self.registry = Registry()
        self.tracing = tracing
        """None: no call is traced."""
        ProcessCollector(registry=self.registry)

    def counter(self, name: str, help_text: str, *, labels: Sequence[str] = ()) -> Counter:
        """Return a counter, which only grows; its series is called `name` with `_total` added."""
        return Counter(name, help_text, labels, registry=self.registry)

    def bounded_counter(self, name: str, help_text: str, *, labels: Sequence[str]) -> BoundedCounter:
        """Return a counter whose first label has values that a catalogue decides, `LABEL_VALUES_MAX` at most."""
        return BoundedCounter(self.counter(name, help_text, labels=labels))

    def histogram(
        self, name: str, help_text: str, *, buckets: Sequence[float] = LATENCY_BUCKETS_S, labels: Sequence[str] = ()
    ) -> Histogram:
        """Return a histogram; `buckets` are upper bounds in the metric's unit, ascending."""
        return Histogram(name, help_text, labels, buckets=buckets, registry=self.registry)

    @cached_property
    def database_operations(self) -> Histogram:
        """The histogram of what the process asks its databases."""
        return self.histogram(
            "db_client_operation_duration_seconds",
            "Time of each statement until its rows have arrived, by its name; of Redis, by who asks.",
            labels=("db_system_name", "db_query_summary"),
        )

    def labelled_gauge(self, name: str, help_text: str, *, labels: Sequence[str]) -> Gauge:
        """Return a gauge with labels, whose values are set when they are known."""
        return Gauge(name, help_text, labels, registry=self.registry)

    def gauge(self, name: str, help_text: str, read: Callable[[], float]) -> None:
        """Add a gauge that is read at each scrape, such as the depth of a buffer; `read` must not block."""
        Gauge(name, help_text, registry=self.registry).set_function(read)

    def info(self, name: str, help_text: str, read: Callable[[], Mapping[str, str]]) -> None:
        """Add text that is read at each scrape, such as a version: the labels of a series whose value is 1.

        There is no series while there are no labels; `read` must not block.
        """
        self.registry.register(_Info(name, help_text, read))


class BoundedCounter:
    """A counter whose first label has as many values as are seen first; all others are counted as `OVERFLOW`."""

    def __init__(self, counter: Counter, values_max: int = LABEL_VALUES_MAX) -> None:
        self._counter = counter
        self._values_max = values_max
        self._values: set[str] = set()
        self._lock = threading.Lock()

    def add(self, value: str, *others: str, number: int = 1) -> None:
        """Add to the series of a value; `others` are the values of the other labels."""
        if value not in self._values:
            with self._lock:
                if value and len(self._values) < self._values_max:
                    self._values.add(value)
                elif value not in self._values:
                    value = OVERFLOW
        self._counter.labels(value, *others).inc(number)


class _Info(Collector):
    """A gauge whose labels change."""

    def __init__(self, name: str, help_text: str, read: Callable[[], Mapping[str, str]]) -> None:
        self._name = name
        self._help_text = help_text
        self._read = read

    def collect(self) -> Iterator[Metric]:
        labels = self._read()
        family = GaugeMetricFamily(self._name, self._help_text, labels=list(labels))
        if labels:
            family.add_metric(list(labels.values()), 1.0)
        yield family
