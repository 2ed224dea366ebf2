"""Prometheus' own checks: `promtool` from `TEST_PROMTOOL` or the PATH, fed with samples of live processes."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from tests.support.service_process import PROJECT

RULES = PROJECT / "deploy" / "prometheus" / "rules.yaml"
MINUTES_EACH = 5
"""Minutes for which each snapshot but the last one holds."""

_FOUND = os.environ.get("TEST_PROMTOOL") or shutil.which("promtool")

needs_promtool = pytest.mark.skipif(
    _FOUND is None, reason="there is no promtool on the PATH: install Prometheus, or set TEST_PROMTOOL"
)


class Snapshot(NamedTuple):
    """The metrics of some processes at one moment: Prometheus text by instance."""

    pages: Mapping[str, str]
    taken_at: float
    """In seconds since 1970."""


def snapshot(pages: Mapping[str, str]) -> Snapshot:
    """Return a snapshot of now."""
    return Snapshot(pages, time.time())


def run(*arguments: str | Path) -> None:
    """Run promtool; fail with its output if it objects."""
    assert _FOUND is not None
    ended = subprocess.run([_FOUND, *map(str, arguments)], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr


def alerts() -> list[dict[str, Any]]:
    """Return all alerts."""
    groups = yaml.safe_load(RULES.read_text("utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"] if "alert" in rule]


def require_firing(names: set[str], snapshots: Sequence[Snapshot], lasts_min: int, folder: Path) -> None:
    """Fail unless exactly these alerts fire once the last snapshot has lasted for this many minutes."""
    ends_at = (len(snapshots) - 1) * MINUTES_EACH + lasts_min
    expected = [
        {
            "expr": f'count(ALERTS{{alertname="{name}",alertstate="firing"}}) > bool 0',
            "eval_time": f"{ends_at}m",
            "exp_samples": [{"labels": "{}", "value": 1}] if name in names else [],
        }
        for name in sorted({alert["alert"] for alert in alerts()})
    ]
    test = {
        "rule_files": [str(RULES)],
        "evaluation_interval": "1m",
        "tests": [
            {
                "interval": "1m",
                "input_series": list(_series(snapshots, lasts_min, ends_at * 60)),
                "promql_expr_test": expected,
            }
        ],
    }
    path = folder / "test.yaml"
    path.write_text(json.dumps(test), "utf-8")
    run("test", "rules", path)


def _series(snapshots: Sequence[Snapshot], lasts_min: int, ends_s: int) -> list[dict[str, str]]:
    """Return all samples over time. The clock of the test begins at 0, so instants are moved to its end."""
    values: dict[str, list[float | None]] = {}
    for number, (pages, taken_at) in enumerate(snapshots):
        for instance, text in pages.items():
            for family in text_string_to_metric_families(text):
                for sample in family.samples:
                    labels = {**sample.labels, "instance": instance, "job": "challenge"}
                    inside = ",".join(f"{name}={json.dumps(value)}" for name, value in sorted(labels.items()))
                    series = values.setdefault(f"{sample.name}{{{inside}}}", [None] * len(snapshots))
                    is_instant = sample.name.endswith("_timestamp_seconds")
                    series[number] = sample.value - taken_at + ends_s if is_instant else sample.value
    minutes = [MINUTES_EACH] * (len(snapshots) - 1) + [lasts_min + 1]
    return [
        {
            "series": name,
            "values": " ".join(repeated(value, count) for value, count in zip(found, minutes, strict=True)),
        }
        for name, found in values.items()
    ]


def repeated(value: float | None, count: int) -> str:
    """Return a value that holds for some minutes, as series are written for promtool; None if it is absent.

    NaN is a value like others: comparisons with it are false, and the series is not absent.
    """
    return f"_x{count}" if value is None else f"{value!r}+0x{count - 1}"
