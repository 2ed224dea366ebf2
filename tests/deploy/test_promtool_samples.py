"""Samples of live processes reach promtool as they were taken."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from tests.support.promtool import needs_promtool, repeated, run

pytestmark = needs_promtool


@pytest.mark.parametrize("value", [None, 0.0, 1.5, -2.0, 1e300, math.nan, math.inf, -math.inf])
def test_a_value_is_there_unless_it_is_absent(value: float | None, tmp_path: Path) -> None:
    is_nan = value is not None and math.isnan(value)
    expected = {
        "count(sampled) or vector(0)": 0 if value is None else 1,
        "absent(sampled) or vector(0)": 1 if value is None else 0,
        "count(sampled == sampled) or vector(0)": 0 if value is None or is_nan else 1,
        "count(sampled > 0) or vector(0)": 1 if value is not None and value > 0 else 0,
    }
    (tmp_path / "rules.yaml").write_text(json.dumps({"groups": []}), "utf-8")
    test = {
        "rule_files": ["rules.yaml"],
        "tests": [
            {
                "interval": "1m",
                "input_series": [
                    {"series": "sampled", "values": f"{repeated(value, 3)} {repeated(value, 2)}"},
                    {"series": "other", "values": repeated(0.0, 5)},
                ],
                "promql_expr_test": [
                    {"expr": text, "eval_time": f"{minute}m", "exp_samples": [{"labels": "{}", "value": number}]}
                    for minute in (0, 2, 4)
                    for text, number in expected.items()
                ],
            }
        ],
    }
    path = tmp_path / "test.yaml"
    path.write_text(json.dumps(test), "utf-8")
    run("test", "rules", path)
