"""Times in lines of players are those that lists can show."""

from __future__ import annotations

from datetime import datetime

import pytest

from shared.domain.instant import to_instant
from shared.domain.line_columns import LineColumn
from shared.rpc.wire import LANES_MIN, timestamp_rests

COLUMN = LineColumn("timestamp with time zone", nullable=True, preset=None, free=False)


@pytest.mark.parametrize(
    "text",
    [
        "0001-01-01T00:00:00Z",
        "1969-12-31T23:59:59.999999Z",
        "1970-01-01T00:00:00+00:01",
        "9999-12-31T23:59:59-12:00",
        "0001-01-01T00:00:00+14:00",
        "1980-01-01T00:00:00",
        "1980",
        0,
    ],
)
def test_times_that_cannot_be_shown_are_refused(text: object) -> None:
    assert COLUMN.problem(text) is not None


@pytest.mark.parametrize(
    "text", ["1970-01-01T00:00:00Z", "2038-01-19T03:14:08Z", "9999-12-31T23:59:59.999999Z", "1969-12-31T23:00:00-01:00"]
)
def test_all_others_are_taken_and_shown(text: str) -> None:
    assert COLUMN.problem(text) is None
    instant = to_instant(datetime.fromisoformat(text))
    [alone] = timestamp_rests([instant])
    assert timestamp_rests([instant] * LANES_MIN) == [alone] * LANES_MIN


def test_lists_survive_times_that_earlier_releases_have_imported() -> None:
    long_ago, later = (to_instant(datetime.fromisoformat(text)) for text in ("0001-01-01T00:00Z", "2024-02-29T00:00Z"))
    [first, shown] = timestamp_rests([0, later])
    assert timestamp_rests([long_ago, None, later]) == [first, None, shown]
    assert timestamp_rests([long_ago, later] * LANES_MIN) == [first, shown] * LANES_MIN
