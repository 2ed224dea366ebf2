"""Metrics as a page: of this process, or of several workers by the label `worker`.

In Prometheus's text format, or for clients that accept it in OpenMetrics, which has exemplars as well.
"""

from __future__ import annotations

import http.client
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from http import HTTPStatus

from prometheus_client import CollectorRegistry, Metric, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.openmetrics import exposition as openmetrics
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

from shared.runtime.http_port import Page, Reply, SharedPage

RENDER_INTERVAL_S = 1.0
"""Seconds between two renderings, which scrapers that come together share: a scraper in a loop does not take a core."""


OPENMETRICS = "application/openmetrics-text"


def metrics_page(registry: CollectorRegistry, interval_s: float = RENDER_INTERVAL_S) -> Page:
    """Return the page with all metrics of the registry."""

    def plain() -> Reply:
        return Reply(HTTPStatus.OK, generate_latest(registry), CONTENT_TYPE_PLAIN_0_0_4)

    def with_exemplars() -> Reply:
        text: bytes = openmetrics.generate_latest(registry)  # type: ignore[no-untyped-call]
        return Reply(HTTPStatus.OK, text, openmetrics.CONTENT_TYPE_LATEST)

    in_plain_text, in_openmetrics = SharedPage(plain, interval_s), SharedPage(with_exemplars, interval_s)

    async def page(accepted: str) -> Reply:
        return await (in_openmetrics if OPENMETRICS in accepted else in_plain_text)(accepted)

    return page


log = logging.getLogger(__name__)

SCRAPE_TIMEOUT_S = 1.0
"""Time limit in seconds: a slower worker is left out, so that the others' metrics still arrive within a scrape."""


class WorkerMetrics(Collector):
    """Collects the metrics of every worker; `ports` returns the port of each worker's metrics, None while it starts."""

    def __init__(self, ports: Callable[[], Mapping[int, int | None]]) -> None:
        self._ports = ports

    def collect(self) -> Iterator[Metric]:
        up = GaugeMetricFamily(
            "worker_up", "1 if the worker responds with its metrics, otherwise 0.", labels=["worker"]
        )
        scrapes: dict[int, str] = {}
        for worker, port in self._ports().items():
            text = None if port is None else _scrape(port)
            up.add_metric([str(worker)], float(text is not None))
            if text is not None:
                scrapes[worker] = text
        yield up
        yield from merged(scrapes.items())


def merged(scrapes: Iterable[tuple[int, str]]) -> Iterable[Metric]:
    """Return the metrics of several workers, given as pairs of worker and OpenMetrics text, as one set."""
    families: dict[str, Metric] = {}
    for worker, text in scrapes:
        for family in text_string_to_metric_families(text):  # type: ignore[no-untyped-call]
            target = families.setdefault(family.name, Metric(family.name, family.documentation, family.type))
            for sample in family.samples:
                labels = {**sample.labels, "worker": str(worker)}
                target.add_sample(sample.name, labels, sample.value, exemplar=sample.exemplar)
    return families.values()


def _scrape(port: int) -> str | None:
    """Return a worker's metrics as OpenMetrics text; None if it does not respond."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=SCRAPE_TIMEOUT_S)
    try:
        connection.request("GET", "/metrics", headers={"Accept": OPENMETRICS})
        return connection.getresponse().read().decode()
    except (OSError, http.client.HTTPException) as error:
        log.warning("cannot read metrics of a worker", extra={"metrics_port": port, "reason": str(error)})
        return None
    finally:
        connection.close()
