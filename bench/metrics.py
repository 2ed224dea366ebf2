"""What a service counts of itself, read where Prometheus would."""

from __future__ import annotations

import urllib.request

from prometheus_client.parser import text_string_to_metric_families

from devstack.ports import LOOPBACK

ANSWER_S = 5.0


def counted(port: int, name: str, **labels: str) -> float:
    """The sum of all samples of that name that carry these labels, from the metrics on a port; 0 if there are none.

    Raises `OSError` if nobody answers there.
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
