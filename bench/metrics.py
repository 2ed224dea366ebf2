"""A service's own metrics, read as Prometheus does."""

from __future__ import annotations

import urllib.request

from prometheus_client.parser import text_string_to_metric_families

from devstack.ports import LOOPBACK

ANSWER_S = 5.0


def counted(port: int, name: str, **labels: str) -> float:
    """Return the sum of all samples with this name and these labels, from the metrics on a port; 0 if there are none.

    Raise `OSError` if the port does not respond.
    """
    url = f"http://{LOOPBACK}:{port}/metrics"
    with urllib.request.urlopen(url, timeout=ANSWER_S) as response:
        text = response.read().decode()
    return sum(
        sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == name and labels.items() <= sample.labels.items()
    )
