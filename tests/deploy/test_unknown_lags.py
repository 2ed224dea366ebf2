"""Lags of several sources: one that is not known hides no other, and a lag that all of them share counts once."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from event_source.telemetry import OF_CONSUMER, OF_PARTITIONS
from tests.support.promtool import RULES, needs_promtool, run

UNKNOWN = " ".join(["NaN"] * 61)
RISING, STEADY = "1000+100x60", "5000x60"
SLOWLY = "400+5x60"
STARTED_LATE = " ".join(["NaN"] * 30 + [str(5_000 + 100 * minute) for minute in range(31)])

pytestmark = needs_promtool


@pytest.mark.parametrize(
    ("lags", "fires"),
    [
        ((RISING,), True),
        ((RISING, UNKNOWN), True),
        ((STARTED_LATE,), True),
        ((STEADY,), False),
        ((STEADY, UNKNOWN), False),
        ((UNKNOWN,), False),
    ],
)
@pytest.mark.parametrize("of", [OF_PARTITIONS, OF_CONSUMER])
def test_known_lags_decide(lags: tuple[str, ...], fires: bool, of: str, tmp_path: Path) -> None:
    assert_fires(fires, lags, of, tmp_path)


@pytest.mark.parametrize(("of", "fires"), [(OF_PARTITIONS, True), (OF_CONSUMER, False)])
def test_a_lag_that_all_sources_share_counts_once(of: str, fires: bool, tmp_path: Path) -> None:
    assert_fires(fires, (SLOWLY, SLOWLY, SLOWLY), of, tmp_path)


def assert_fires(fires: bool, lags: tuple[str, ...], of: str, folder: Path) -> None:
    """Assert that the alert fires after an hour exactly if it is expected to; `lags` are those of each source."""
    series = [
        {"series": f'source_lag_messages{{job="challenge",instance="{number}",of="{of}"}}', "values": values}
        for number, values in enumerate(lags)
    ]
    expected = {
        "expr": 'count(ALERTS{alertname="SourceLags",alertstate="firing"}) > bool 0',
        "eval_time": "60m",
        "exp_samples": [{"labels": "{}", "value": 1}] if fires else [],
    }
    test = {
        "rule_files": [str(RULES)],
        "evaluation_interval": "1m",
        "tests": [{"interval": "1m", "input_series": series, "promql_expr_test": [expected]}],
    }
    path = folder / "test.yaml"
    path.write_text(json.dumps(test), "utf-8")
    run("test", "rules", path)
