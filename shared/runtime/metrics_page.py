"""Metrics in Prometheus's text format, as a page."""

from __future__ import annotations

from http import HTTPStatus

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from shared.runtime.http_port import Reply, SharedPage

RENDER_INTERVAL_S = 1.0
"""Seconds between two renderings, which scrapers that come together share: a scraper in a loop does not take a core."""


def metrics_page(registry: CollectorRegistry, interval_s: float = RENDER_INTERVAL_S) -> SharedPage:
    """Return the page with all metrics of the registry."""
    return SharedPage(lambda: Reply(HTTPStatus.OK, generate_latest(registry), CONTENT_TYPE_PLAIN_0_0_4), interval_s)
