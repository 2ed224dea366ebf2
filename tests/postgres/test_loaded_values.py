"""Values that connections load in a form of their own."""

from __future__ import annotations

import pytest

from shared.postgres.connection import Connection
from shared.postgres.statements import Statement

_DAYS = Statement("read_days_both_ways", "SELECT days, days::text FROM (SELECT $1::int4multirange AS days) AS one")


@pytest.mark.parametrize("days", ["{}", "{[1,3)}", "{[-5,-4),[19000,19001),[19003,19100)}"])
def test_days_are_loaded_as_their_literal(connection: Connection, days: str) -> None:
    assert _DAYS.only_row(connection, days) == (days, days)
