"""The number of derived stats of a catalogue is bounded."""

from __future__ import annotations

from pathlib import Path

import pytest

from shared.catalogue.derived_stat_rules import DERIVED_STATS_MAX
from tests.catalogue.documents import document, goal, problems_in, write_json


@pytest.mark.parametrize("times", [2, pytest.param(20, marks=pytest.mark.slow)])
def test_derived_stats_beyond_the_maximum_are_refused_at_once(tmp_path: Path, times: int) -> None:
    def problems(count: int) -> list[str]:
        stats = [{"id": f"wins {number}", "from": "wins", "where": {"map": f"map {number}"}} for number in range(count)]
        return [
            problem.message for problem in problems_in(write_json(tmp_path / "c.json", document(goal(), stats=stats)))
        ]

    assert problems(DERIVED_STATS_MAX) == []
    assert problems(times * DERIVED_STATS_MAX) == ["a catalogue can have at most 1,000 derived stats"]
