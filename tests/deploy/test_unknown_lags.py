"""A source whose lag is not known yet, or not any more, hides no other's."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.promtool import RULES, needs_promtool, run

UNKNOWN = " ".join(["NaN"] * 61)
RISING, STEADY = "1000+100x60", "5000x60"
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
def test_known_lags_decide(lags: tuple[str, ...], fires: bool, tmp_path: Path) -> None:
    series = [
        {"series": f'source_lag_messages{{job="challenge",instance="{number}"}}', "values": values}
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
    path = tmp_path / "test.yaml"
    path.write_text(json.dumps(test), "utf-8")
    run("test", "rules", path)
